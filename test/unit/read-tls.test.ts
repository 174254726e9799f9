import { expect } from 'chai';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readTls } from 'vivace/kit';
import { failureOf } from '../support/failure.js';

describe('readTls', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'vivace-tls-'));
    for (const name of ['ca', 'cert', 'key']) await writeFile(join(directory, `${name}.pem`), `${name} text`);
  });
  after(() => rm(directory, { recursive: true }));

  it('reads the files that are given, relative to the directory', async () => {
    expect(await readTls({ caFile: 'ca.pem' }, directory)).to.deep.equal({ ca: 'ca text' });
    expect(
      await readTls({ certFile: 'cert.pem', keyFile: join(directory, 'key.pem') }, directory),
    ).to.deep.equal({ cert: 'cert text', key: 'key text' });
  });

  it('gives nothing where nothing is given', async () => {
    expect(await readTls({}, directory)).to.deep.equal({});
  });

  it('names the option whose file is not there', async () => {
    expect(await failureOf(readTls({ caFile: 'nope.pem' }, directory))).to.match(
      /^FAILED_PRECONDITION caFile cannot be read: ENOENT.*nope\.pem/,
    );
  });

  it('refuses a certificate without its key, and a key without its certificate', async () => {
    expect(await failureOf(readTls({ certFile: 'cert.pem' }, directory))).to.equal(
      'FAILED_PRECONDITION certFile is of use only together with keyFile',
    );
    expect(await failureOf(readTls({ keyFile: 'key.pem' }, directory))).to.equal(
      'FAILED_PRECONDITION keyFile is of use only together with certFile',
    );
  });
});
