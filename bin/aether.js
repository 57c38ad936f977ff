#!/usr/bin/env node
// Plain JavaScript that every Node can read, so that an old one hears what it lacks instead of a syntax error.
var parts = process.versions.node.split('.').map(Number);
var isOld = parts[0] < 22 || (parts[0] === 22 && parts[1] < 13);
if (isOld) {
  console.error('aether needs Node 22.13 or newer; this is ' + process.version + '.');
  process.exitCode = 1;
} else {
  import('../dist/cli/main.js').then(
    function (cli) {
      return cli.main(process.argv);
    },
    function (error) {
      var isMissing = error.code === 'ERR_MODULE_NOT_FOUND' && String(error.url).endsWith('/dist/cli/main.js');
      console.error(
        isMissing ? 'aether is not built: run `npm run build`, or from a checkout `npm start`.' : error.message,
      );
      process.exitCode = 1;
    },
  );
}
