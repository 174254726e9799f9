import { expect } from 'chai';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { connect } from 'node:tls';
import { tlsReason } from 'vivace/kit';

describe('tlsReason', () => {
  it('gives the reason of OpenSSL, on one line', async () => {
    const server = createServer((socket) => socket.end('no TLS')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
    const [error] = await once(socket, 'error');
    expect(tlsReason(error)).to.equal('wrong version number');
    server.close();
  });

  it('leaves other messages as they are', () => {
    expect(tlsReason(new Error('connect ECONNREFUSED'))).to.equal('connect ECONNREFUSED');
  });
});
