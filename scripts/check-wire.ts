/**
 * Holds `api/proto` to the published wire and to its own documentation.
 *
 * Both sides become the same flat list of wire elements: `field KVOperation.op` → `1 KVOperation.OpType`. An element of
 * the table must be in our files and read the same. What our files add to a published message or enum must be numbered
 * from 1000 up; messages and enums of our own are free. Every message and enum has a leading comment, and so does the
 * share of fields named below.
 *
 * Prints every difference and exits 1 if there is one. Run by `npm run wire`.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

const root = new URL('..', import.meta.url);
const protoDirectory = 'api/proto';
const tableFile = 'api/wire/aether-v1-0.2.3.tsv';
const wirePackage = 'aether.v1';
const additionNumberMin = 1000;
const documentedFieldShareMin = 0.6;
const imageBytesMax = 64 * 1024 * 1024;

/** Field numbers of descriptor.proto, of which the paths in source_code_info are made. */
const inFile = { message: 4, enum: 5 } as const;
const inMessage = { field: 2, message: 3, enum: 4 } as const;

const fieldSchema = z.object({
  name: z.string(),
  number: z.number(),
  type: z.string(),
  typeName: z.string().optional(),
  label: z.string().optional(),
  oneofIndex: z.number().optional(),
  proto3Optional: z.boolean().optional(),
});

const enumSchema = z.object({
  name: z.string(),
  value: z.array(z.object({ name: z.string(), number: z.number().default(0) })),
});

const messageSchema = z.object({
  name: z.string(),
  field: z.array(fieldSchema).default([]),
  enumType: z.array(enumSchema).default([]),
  oneofDecl: z.array(z.object({ name: z.string() })).default([]),
  options: z.object({ mapEntry: z.boolean().default(false) }).optional(),
  get nestedType() {
    return z.array(messageSchema).optional();
  },
});

const methodSchema = z.object({
  name: z.string(),
  inputType: z.string(),
  outputType: z.string(),
  clientStreaming: z.boolean().default(false),
  serverStreaming: z.boolean().default(false),
});

const fileSchema = z.object({
  package: z.string(),
  messageType: z.array(messageSchema).default([]),
  enumType: z.array(enumSchema).default([]),
  service: z.array(z.object({ name: z.string(), method: z.array(methodSchema) })).default([]),
  sourceCodeInfo: z.object({
    location: z.array(z.object({ path: z.array(z.number()).default([]), leadingComments: z.string().optional() })),
  }),
});

const imageSchema = z.object({ file: z.array(fileSchema) });

type Field = z.infer<typeof fieldSchema>;
type EnumType = z.infer<typeof enumSchema>;
type Message = z.infer<typeof messageSchema>;
type ProtoFile = z.infer<typeof fileSchema>;

/** A field, an enum value or an rpc. `text` is all that must agree; an rpc has no number. */
interface WireElement {
  readonly kind: 'field' | 'enum' | 'rpc';
  readonly owner: string;
  readonly name: string;
  readonly number: number | undefined;
  readonly text: string;
}

interface Documentation {
  readonly kind: 'message' | 'enum' | 'field';
  readonly name: string;
  readonly documented: boolean;
}

/** A message or enum, where it stands in its file, and what that file has comments on. */
interface Place<Declaration> {
  readonly declaration: Declaration;
  readonly name: string;
  readonly path: readonly number[];
  readonly commented: ReadonlySet<string>;
}

const keyOf = (element: WireElement) => `${element.kind} ${element.owner}.${element.name}`;

const pathKey = (path: readonly number[]) => path.join('.');

/** `.aether.v1.KVOperation.OpType` → `KVOperation.OpType` */
const localName = (typeName: string) => typeName.replace(`.${wirePackage}.`, '');

const fieldText = (number: number, type: string, oneof: string) =>
  `${number} ${type}${oneof === '' ? '' : ` in oneof ${oneof}`}`;

function scalarOrName(field: Field): string {
  return field.typeName === undefined ? field.type.replace('TYPE_', '').toLowerCase() : localName(field.typeName);
}

function mapEntryOf(field: Field, message: Message): Message | undefined {
  const entryName = field.typeName?.split('.').at(-1);
  return message.nestedType?.find((nested) => nested.options?.mapEntry === true && nested.name === entryName);
}

function fieldType(field: Field, message: Message): string {
  const entry = mapEntryOf(field, message);
  if (entry !== undefined) return `map<${entry.field.map(scalarOrName).join(',')}>`;
  if (field.label === 'LABEL_REPEATED') return `repeated ${scalarOrName(field)}`;
  return field.proto3Optional === true ? `optional ${scalarOrName(field)}` : scalarOrName(field);
}

function oneofName(field: Field, message: Message): string {
  if (field.oneofIndex === undefined || field.proto3Optional === true) return '';
  return message.oneofDecl[field.oneofIndex]?.name ?? '';
}

const enumPlaces = (enums: readonly EnumType[], owner: Place<unknown>, step: number): Place<EnumType>[] =>
  enums.map((declaration, index) => ({
    ...owner,
    declaration,
    name: owner.name + declaration.name,
    path: [...owner.path, step, index],
  }));

/** The messages with all those nested in them. */
function messagePlaces(messages: readonly Message[], owner: Place<unknown>, step: number): Place<Message>[] {
  return messages.flatMap((declaration, index) => {
    if (declaration.options?.mapEntry === true) return [];
    const name = owner.name + declaration.name;
    const place = { ...owner, declaration, name, path: [...owner.path, step, index] };
    const within = { ...place, name: `${name}.` };
    return [place, ...messagePlaces(declaration.nestedType ?? [], within, inMessage.message)];
  });
}

function placesOf(file: ProtoFile): { messages: Place<Message>[]; enums: Place<EnumType>[] } {
  const commented = new Set(
    file.sourceCodeInfo.location
      .filter(({ leadingComments }) => leadingComments !== undefined && leadingComments.trim() !== '')
      .map(({ path }) => pathKey(path)),
  );
  const top = { declaration: file, name: '', path: [], commented };
  const messages = messagePlaces(file.messageType, top, inFile.message);
  const nested = messages.flatMap((place) =>
    enumPlaces(place.declaration.enumType, { ...place, name: `${place.name}.` }, inMessage.enum),
  );
  return { messages, enums: [...enumPlaces(file.enumType, top, inFile.enum), ...nested] };
}

const fieldElements = ({ declaration, name }: Place<Message>): WireElement[] =>
  declaration.field.map((field) => ({
    kind: 'field',
    owner: name,
    name: field.name,
    number: field.number,
    text: fieldText(field.number, fieldType(field, declaration), oneofName(field, declaration)),
  }));

const valueElements = ({ declaration, name }: Place<EnumType>): WireElement[] =>
  declaration.value.map((value) => ({ kind: 'enum', owner: name, ...value, text: `${value.number}` }));

const stream = (isStreaming: boolean, typeName: string) => `${isStreaming ? 'stream ' : ''}${localName(typeName)}`;

const rpcElements = (file: ProtoFile): WireElement[] =>
  file.service.flatMap((service) =>
    service.method.map((method) => ({
      kind: 'rpc',
      owner: service.name,
      name: method.name,
      number: undefined,
      text: `${stream(method.clientStreaming, method.inputType)} -> ${stream(method.serverStreaming, method.outputType)}`,
    })),
  );

function elementsOf(file: ProtoFile): WireElement[] {
  const { messages, enums } = placesOf(file);
  return [...messages.flatMap(fieldElements), ...enums.flatMap(valueElements), ...rpcElements(file)];
}

function documentationOf(file: ProtoFile): Documentation[] {
  const { messages, enums } = placesOf(file);
  const entry = (kind: Documentation['kind'], name: string, place: Pick<Place<unknown>, 'path' | 'commented'>) => ({
    kind,
    name,
    documented: place.commented.has(pathKey(place.path)),
  });
  const fields = messages.flatMap(({ declaration, name, path, commented }) =>
    declaration.field.map((field, index) =>
      entry('field', `${name}.${field.name}`, { path: [...path, inMessage.field, index], commented }),
    ),
  );
  return [
    ...messages.map((place) => entry('message', place.name, place)),
    ...enums.map((place) => entry('enum', place.name, place)),
    ...fields,
  ];
}

function readImage(): ProtoFile[] {
  const buf = fileURLToPath(new URL('node_modules/.bin/buf', root));
  const { status, stdout } = spawnSync(buf, ['build', protoDirectory, '-o', '-#format=json'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: imageBytesMax,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) throw new Error(`buf build ${protoDirectory} failed`);
  return imageSchema.parse(JSON.parse(stdout)).file.filter((file) => file.package === wirePackage);
}

const rowSchema = z.tuple([
  z.enum(['field', 'enum', 'rpc']),
  z.string().min(1),
  z.string().min(1),
  z.string().regex(/^\d*$/),
  z.string(),
  z.string().default(''),
]);

function readTable(): WireElement[] {
  const [, ...rows] = readFileSync(new URL(tableFile, root), 'utf8').trimEnd().split('\n');
  if (rows.length === 0) throw new Error(`${tableFile} is empty`);
  return rows.map((row) => {
    const [kind, owner, name, digits, type, oneof] = rowSchema.parse(row.split('\t'));
    const number = digits === '' ? undefined : Number(digits);
    if (kind === 'rpc') return { kind, owner, name, number, text: type };
    if (number === undefined) throw new Error(`${tableFile}: ${owner}.${name} has no number`);
    return { kind, owner, name, number, text: kind === 'enum' ? `${number}` : fieldText(number, type, oneof) };
  });
}

const percent = (share: number) => `${(share * 100).toFixed(1)} %`;

/** What the table has and our files lack or say otherwise. */
function publishedDifferences(published: readonly WireElement[], ours: readonly WireElement[]): string[] {
  const found = new Map(ours.map((element) => [keyOf(element), element.text]));
  return published.flatMap((element) => {
    const text = found.get(keyOf(element));
    return text === element.text ? [] : [`${keyOf(element)}: expected ${element.text}, found ${text ?? 'nothing'}`];
  });
}

/** What our files add to a published message, enum or service without keeping to our own numbers. */
function additionDifferences(published: readonly WireElement[], ours: readonly WireElement[]): string[] {
  const known = new Set(published.map(keyOf));
  const owners = new Set(published.map(({ owner }) => owner));
  return ours
    .filter((element) => owners.has(element.owner) && !known.has(keyOf(element)))
    .filter(({ number }) => number === undefined || number < additionNumberMin)
    .map((element) => `${keyOf(element)}: expected nothing below ${additionNumberMin}, found ${element.text}`);
}

function documentationDifferences(documentation: readonly Documentation[], fieldShare: number): string[] {
  const missing = documentation
    .filter(({ kind, documented }) => kind !== 'field' && !documented)
    .map(({ kind, name }) => `${kind} ${name}: expected a leading comment, found none`);
  if (fieldShare >= documentedFieldShareMin) return missing;
  return [...missing, `fields: expected ${percent(documentedFieldShareMin)} documented, found ${percent(fieldShare)}`];
}

function main(): void {
  const files = readImage();
  const published = readTable();
  const ours = files.flatMap(elementsOf);
  const documentation = files.flatMap(documentationOf);
  const fields = documentation.filter(({ kind }) => kind === 'field');
  const fieldShare = fields.filter(({ documented }) => documented).length / fields.length;
  const differences = [
    ...publishedDifferences(published, ours),
    ...additionDifferences(published, ours),
    ...documentationDifferences(documentation, fieldShare),
  ];
  for (const difference of differences) console.error(difference);
  const count = (kind: Documentation['kind']) => documentation.filter((entry) => entry.kind === kind).length;
  console.log(
    `${count('message')} messages, ${count('enum')} enums, ${fields.length} fields of which ${percent(fieldShare)} ` +
      `documented; ${published.length} published elements, differences: ${differences.length}`,
  );
  process.exitCode = differences.length === 0 ? 0 : 1;
}

main();
