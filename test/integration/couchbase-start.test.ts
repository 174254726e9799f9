import { expect } from 'chai';
import { connect } from 'couchbase';
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { keyValueStore } from 'vivace';
import { couchbase } from 'vivace/adapters/couchbase';
import { callContext, makePart, startPart } from 'vivace/testing';
import { makeCertificates, openssl, type Certificates } from '../servers/certificates.js';
import { CouchbaseNetwork } from '../servers/couchbase-network.js';
import { couchbaseMock } from '../servers/couchbase-server.js';
import { describeNeeding } from '../servers/programs.js';
import { eventually, freePort } from '../servers/server-process.js';
import { failureOf } from '../support/failure.js';

describeNeeding(couchbaseMock, 'couchbase', () => {
  let network: CouchbaseNetwork;
  before(async () => (network = await CouchbaseNetwork.start()));
  after(() => network.stop());

  describe('start', () => {
    const sockets = (): number =>
      readdirSync('/proc/self/fd').filter((file) => {
        try {
          return readlinkSync(`/proc/self/fd/${file}`).startsWith('socket:');
        } catch {
          return false;
        }
      }).length;

    /** Holds a start to fail with this, and to leave no socket behind. */
    const refused = async (options: object, failure: RegExp): Promise<void> => {
      const before = sockets();
      const part = makePart(couchbase, { ...network.access, ...options });
      expect(await failureOf(part.start(callContext()))).to.match(failure);
      await part.stop();
      await eventually(() => expect(sockets()).to.be.at.most(before));
    };

    it('names the address, and why it does not answer', async () => {
      const url = `couchbase://127.0.0.1:${await freePort()}`;
      await refused(
        { url, connectTimeoutMs: 300 },
        /^UNAVAILABLE .*couchbase:\/\/127\.0\.0\.1:\d+ did not answer within 300 ms \(.*ECONNREFUSED/,
      );
    });

    it('names the reason of a host given by its IPv6 address too', async () => {
      const url = `couchbase://[::1]:${await freePort()}`;
      await refused({ url, connectTimeoutMs: 300 }, /^UNAVAILABLE .*\[::1\].*(ECONNREFUSED|EADDRNOTAVAIL)/);
    });

    it('finds the reason out before the time of a start is over', async () => {
      const url = `couchbase://127.0.0.1:${await freePort()}`;
      const part = makePart(couchbase, { ...network.access, url });
      expect(await failureOf(part.start(callContext(1000)))).to.match(
        /^DEADLINE_EXCEEDED .*did not answer within \d+ ms \(.*ECONNREFUSED/,
      );
      await part.stop();
    });

    it('says that a name is not known', () =>
      refused(
        { url: 'couchbase://nowhere.invalid', connectTimeoutMs: 300 },
        /^UNAVAILABLE .*nowhere\.invalid did not answer .*the host is not known/,
      ));

    it('says what to check where the user is refused', () =>
      refused({ password: 'wrong' }, /^UNAUTHENTICATED .*check username and password/));

    it('names a bucket that is not there, and how to make it', () =>
      refused({ bucket: 'nope' }, /^FAILED_PRECONDITION .*no bucket nope.*bucket-create/));

    it('says that a server knows no named collections', () =>
      refused({ scope: 'serving', collection: 'online' }, /^FAILED_PRECONDITION .*app\.serving\.online/));

    it('names a file that cannot be read', () =>
      refused({ caFile: 'nope.pem' }, /^FAILED_PRECONDITION .*caFile/));

    it('refuses certificates for a connection without TLS', async () => {
      await refused({ caFile: 'package.json' }, /^FAILED_PRECONDITION .*couchbases:\/\//);
    });

    it('gives up when it is told to, and leaves nothing open', async () => {
      const silent = createServer().listen(0, '127.0.0.1');
      await once(silent, 'listening');
      const url = `couchbase://127.0.0.1:${(silent.address() as AddressInfo).port}`;
      const before = sockets();
      const part = makePart(couchbase, { ...network.access, url });
      expect(await failureOf(part.start(callContext(200)))).to.match(/^DEADLINE_EXCEEDED/);
      await part.stop();
      silent.close();
      await eventually(() => expect(sockets()).to.be.at.most(before));
    });

    it('leaves no socket open after it was stopped', async () => {
      const before = sockets();
      for (let i = 0; i < 5; i++) {
        const part = await startPart(couchbase, network.access);
        await part.face(keyValueStore).getMany(['k'], callContext());
        await part.stop();
      }
      await eventually(() => expect(sockets()).to.be.at.most(before));
    });

    it('takes a connected cluster from code, and does not close it', async () => {
      const { url, username, password } = network.access;
      const client = await connect(url, { username, password });
      const part = await startPart(couchbase, { client, bucket: 'app', prefix: 'own:' });
      await part.face(keyValueStore).putNewest([{ key: 'k', value: Uint8Array.of(3) }], callContext());
      await part.stop();
      const { content } = await client.bucket('app').defaultCollection().get('own:k');
      expect(content).to.deep.equal(Buffer.of(3));
      await client.close();
    });

    it('wants a url or a client', () => {
      expect(() => makePart(couchbase, { bucket: 'app' })).to.throw('is required, unless there is a client');
      expect(() => makePart(couchbase, { ...network.access, url: 'redis://127.0.0.1' })).to.throw(
        'couchbase://',
      );
      const url = 'couchbase://app:verysecret@127.0.0.1';
      expect(() => makePart(couchbase, { ...network.access, url })).to.throw(/^(?!.*verysecret).*`username`/);
    });
  });
});

describeNeeding([...couchbaseMock, openssl], 'couchbase with a client certificate', () => {
  let certificates: Certificates;
  before(() => (certificates = makeCertificates()));
  after(() => certificates.remove());

  it('logs in with it, and with no password', async () => {
    const { cert, key, ca, directory } = certificates;
    const network = await CouchbaseNetwork.start({ tls: { cert, key, ca }, password: '' });
    try {
      const { url, bucket } = network.access;
      const options = { url, bucket, caFile: 'ca.pem', connectTimeoutMs: 2000 };
      const own = { certFile: 'client.pem', keyFile: 'client-key.pem' };
      const part = await startPart(couchbase, { ...options, ...own }, { directory });
      expect(await part.face(keyValueStore).getMany(['k'], callContext())).to.deep.equal([undefined]);
      await part.stop();
      expect(
        await failureOf(startPart(couchbase, { ...options, connectTimeoutMs: 500 }, { directory })),
      ).to.match(/^UNAVAILABLE/);
    } finally {
      await network.stop();
    }
  });
});
