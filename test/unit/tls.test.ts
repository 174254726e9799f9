import { expect } from 'chai';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { readTls, tlsFailure, tlsReason } from 'vivace/kit';
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
      'FAILED_PRECONDITION certFile works only together with keyFile',
    );
    expect(await failureOf(readTls({ keyFile: 'key.pem' }, directory))).to.equal(
      'FAILED_PRECONDITION keyFile works only together with certFile',
    );
  });
});

describe('What is wrong with TLS', () => {
  it('is said by the reason of OpenSSL, on one line', async () => {
    const server = createServer((socket) => socket.end('no TLS')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
    const [error] = await once(socket, 'error');
    expect(tlsReason(error)).to.equal('wrong version number');
    const failure = tlsFailure(error, 'https://there')!;
    expect(`${failure.code} ${failure.message}`).to.equal(
      'UNAVAILABLE no TLS connection to https://there (wrong version number): check `endpoint` and `caFile`',
    );
    expect(failure.cause).to.equal(error);
    server.close();
  });

  it('is not said of other errors', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    expect(tlsFailure(refused, 'https://there')).to.equal(undefined);
    expect(tlsFailure(new Error('odd'), 'https://there')).to.equal(undefined);
    expect(tlsFailure(Object.assign(new Error('odd'), { code: 5 }), 'https://there')).to.equal(undefined);
    expect(tlsReason(new Error('connect ECONNREFUSED'))).to.equal('connect ECONNREFUSED');
  });
});
