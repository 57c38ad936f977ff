import { defineConfig, type OxlintOverride } from 'oxlint';
import { doors, layers } from './layers.config.ts';

const parts = Object.keys(layers);

/** One pattern per forbidden part, and one per door, for the files of `part`. */
const restrictions = (part: string) => {
  const allowed = layers[part];
  if (allowed === '*') return [];
  return parts
    .filter((other) => other !== part)
    .flatMap((other) => {
      if (!allowed?.includes(other))
        return [{ group: [`**/${other}/**`], message: `${part} may not import ${other} (layers.config.ts)` }];
      const files = doors[other];
      if (files === undefined) return [];
      return [
        {
          group: [`**/${other}/*`, ...files.map((file) => `!**/${other}/${file}`)],
          message: `enter ${other} by its door (layers.config.ts)`,
        },
      ];
    });
};

const layerRule = (part: string): OxlintOverride => ({
  files: [`src/${part}/**`],
  rules: {
    'no-restricted-imports': [
      'error',
      { patterns: [...restrictions(part), { group: ['**/test/**'], message: 'nothing in src imports test' }] },
    ],
  },
});

export default defineConfig({
  plugins: ['typescript', 'import', 'unicorn', 'promise', 'vitest', 'oxc', 'node'],
  categories: { correctness: 'error', suspicious: 'error' },
  env: { node: true },
  rules: {
    'typescript/no-explicit-any': 'error',
    'typescript/no-non-null-assertion': 'error',
    'typescript/no-floating-promises': 'error',
    'typescript/no-misused-promises': 'error',
    'typescript/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    'typescript/only-throw-error': 'error',
    'typescript/no-unnecessary-condition': 'error',
    'typescript/consistent-type-imports': 'error',
    'typescript/consistent-return': 'off',
    'import/no-cycle': 'error',
    'import/no-default-export': 'error',
    'oxc/no-barrel-file': ['error', { threshold: 0 }],
    'max-lines': ['error', { max: 400, skipComments: true, skipBlankLines: true }],
    'max-lines-per-function': ['error', { max: 60, skipComments: true, skipBlankLines: true }],
    'max-params': ['error', { max: 4 }],
    'max-depth': ['error', { max: 3 }],
    complexity: ['error', { max: 12 }],
    'no-console': 'error',
    'no-empty': 'error',
    'no-underscore-dangle': 'off',
    'import/no-named-as-default-member': 'off',
    'import/no-unassigned-import': ['error', { allow: ['**/node22.ts'] }],
    'no-unused-vars': ['error', { varsIgnorePattern: '^_', ignoreUsingDeclarations: true }],
  },
  overrides: [
    ...parts.map(layerRule),
    {
      files: ['**/*.test.ts', 'test/**', 'sdk/typescript/test/**'],
      rules: {
        'max-lines-per-function': 'off',
        'max-lines': 'off',
        'no-restricted-imports': 'off',
        'typescript/no-unsafe-type-assertion': 'off',
        'vitest/expect-expect': 'off',
        'vitest/valid-title': 'off',
        'vitest/valid-expect': ['error', { maxArgs: 2 }],
        'vitest/no-conditional-expect': 'off',
        'no-unmodified-loop-condition': 'off',
        'unicorn/consistent-function-scoping': 'off',
      },
    },
    { files: ['*.config.ts'], rules: { 'import/no-default-export': 'off' } },
    { files: ['scripts/**', 'bench/**', 'examples/**', 'src/cli/**', 'bin/**'], rules: { 'no-console': 'off' } },
    { files: ['sdk/typescript/src/index.ts'], rules: { 'oxc/no-barrel-file': 'off' } },
  ],
  ignorePatterns: ['src/gen/**', 'sdk/typescript/src/gen/**', '**/dist/**'],
});
