import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { describeNeeding, pathOf } from '../servers/programs.js';
import { python } from '../servers/python.js';

describeNeeding([python], 'The Python package', function () {
  this.timeout(900_000);

  it('passes its own tests', async () => {
    const { stdout } = await promisify(execFile)(
      pathOf(python),
      ['-m', 'pytest', '-q', '-p', 'no:cacheprovider'],
      {
        cwd: 'adapters/python/wrapper',
        env: { ...process.env, PYTHONPATH: '.', PYTHONDONTWRITEBYTECODE: '1', OMP_NUM_THREADS: '1' },
      },
    ).catch((error: unknown) => {
      throw new Error((error as { readonly stdout: string }).stdout, { cause: error });
    });
    expect(stdout).to.match(/^\d+ passed/m);
    expect(stdout).not.to.match(/skipped/);
  });
});
