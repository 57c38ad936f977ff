/** Resolves once whoever started this process can read it, even if this process is killed then. */
export const print = (line: string): Promise<void> =>
  new Promise((resolve) => {
    process.stdout.write(`${line}\n`, () => resolve());
  });
