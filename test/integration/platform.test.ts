import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { describeNeeding, program, vendored } from '../servers/programs.js';
import { python } from '../servers/python.js';

const needed = [
  python,
  vendored('bqemulator/bin/bqemulator'),
  vendored('bin/fake-gcs-server'),
  vendored('CouchbaseMock-1.5.25.jar'),
  program('java'),
];

describeNeeding(needed, 'The whole platform', function () {
  this.timeout(600_000);

  it('runs from the warehouse to a version that is promoted under load', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ['dist/examples/platform/platform.js']);
    expect(stdout).to.match(/it is promoted under load: \d+ answers of version 1, \d+ answers of version 2/);
    expect(stdout.match(/ min$/gm)).to.have.length(5);
  });
});
