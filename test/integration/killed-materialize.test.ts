import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'lmdb';
import { join } from 'node:path';
import { keyValueStore, type KeyValueStore } from 'vivace';
import { lmdb } from 'vivace/adapters/lmdb';
import { redis } from 'vivace/adapters/redis';
import { callContext, startPart } from 'vivace/testing';
import { givenProject, sales } from '../support/command-line.js';
import { describeNeeding } from '../servers/programs.js';
import { RedisServer, redisPrograms } from '../servers/redis-server.js';
import { root } from '../support/repository.js';

const shops = 30_000;
/** Two rows of each shop, and no end of line after the last. */
const csv = [
  'shop,at,amount',
  ...Array.from({ length: 2 * shops }, (_, i) => `shop-${i % shops},2001-06-${i < shops ? 10 : 20},${i}`),
].join('\n');

/**
 * A store that kills its process, without any warning to it, in the batch that DIE_AT says: while the store asks for the row in the middle
 * of it, once the batch is under way, or once it is written and those after it are not.
 */
const dying = (name: string): string => `
import { ${name} } from 'vivace/adapters/${name}';
const [batch, when] = (process.env.DIE_AT ?? '').split(' ');
const die = () => process.kill(process.pid, 'SIGKILL');
const mortal = (store) => {
  const putNewest = store.putNewest.bind(store);
  let count = 0;
  store.putNewest = (entries, context) => {
    const ahead = ++count - Number(batch);
    if (ahead > 0 && when === 'written') return new Promise(() => undefined);
    if (ahead !== 0) return putNewest(entries, context);
    if (when === 'written') return Promise.resolve(putNewest(entries, context)).then(die);
    if (when === 'inside') {
      const middle = entries[entries.length >> 1];
      const { key, ...rest } = middle;
      entries = entries.map((entry) => (entry === middle ? { ...rest, get key() { die(); return key; } } : entry));
    } else setImmediate(die);
    return putNewest(entries, context);
  };
  return store;
};
export const dying = {
  ...${name},
  name: 'dying',
  create: (...given) => {
    const made = ${name}.create(...given);
    for (const face of made.faces) if (face.putNewest !== undefined) mortal(face);
    return made;
  },
};
`;

type Values = ReadonlyMap<string, string>;

describe('vivace materialize, killed while it copies', function () {
  this.timeout(180_000);
  const { project, given } = givenProject();
  const inProject = (path: string): string => join(project.directory, path);

  let uninterrupted: Values | undefined;
  /** What an uninterrupted run writes, the same for all tests. */
  const whole = async (): Promise<Values> => (uninterrupted ??= await wholeRun());
  const wholeRun = async (): Promise<Values> => {
    await project.write({ 'whole.yaml': sales.replace('./data/online', './data/whole') });
    const { code, stderr } = await project.vivace(['materialize', '-c', 'whole.yaml']);
    expect(code, stderr).to.equal(0);
    return stored('data/whole');
  };
  const stored = async (path: string): Promise<Values> => {
    const database = open<Uint8Array, string>({ path: inProject(path), encoding: 'binary', noSubdir: false });
    const found = new Map<string, string>();
    // Rows alone: a ledger is another each time.
    for (const { key, value } of database.getRange())
      if (!key.includes('#')) found.set(key, Buffer.from(value).toString('hex'));
    await database.close();
    return found;
  };
  const killed = async (dieAt: string): Promise<void> => {
    const child = spawn(process.execPath, [join(root, 'dist/adapters/command-line/main.js'), 'materialize'], {
      cwd: project.directory,
      env: { ...process.env, DIE_AT: dieAt },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
    expect([code, signal], stderr).to.deep.equal([null, 'SIGKILL']);
    expect(stderr).to.include('shop_sales: waiting for the warehouse');
  };
  const again = async (): Promise<void> => {
    const { code, stderr } = await project.vivace(['materialize']);
    expect(code, stderr).to.equal(0);
    expect(stderr).to.match(/shop_sales: 30,000 rows, [1-9][0-9,]* changed/);
  };

  for (const dieAt of ['1 inside', '2 inside', '2 under way', '2 written']) {
    it(`into LMDB, in batch ${dieAt}: the store opens, holds whole rows, and a rerun completes it`, async () => {
      await given({
        'vivace.yaml': sales.replace('use: lmdb', 'use: ./dying.mjs'),
        'dying.mjs': dying('lmdb'),
        'sales.csv': csv,
      });
      const expected = await whole();
      expect(expected.size).to.equal(shops);
      // A server that reads meanwhile: its process has the database open, and shares its locks, when the other one dies.
      const reader = await startPart(lmdb, { path: inProject('data/online') });
      const store: KeyValueStore = reader.face(keyValueStore);
      await killed(dieAt);
      const [first] = expected.keys();
      const [value] = await store.getMany([first!], callContext());
      if (value !== undefined) expect(Buffer.from(value).toString('hex')).to.equal(expected.get(first!));
      const put = await store.putNewest([{ key: 'after', value: Uint8Array.of(1) }], callContext());
      expect(put).to.deep.equal([true]);
      await reader.stop();
      const left = new Map(await stored('data/online'));
      expect(left.delete('after')).to.equal(true);
      expect(left.size).to.be.lessThan(shops);
      if (dieAt.endsWith('written')) expect(left.size).to.be.greaterThan(0);
      for (const [key, bytes] of left) expect(bytes).to.equal(expected.get(key));
      await again();
      const complete = new Map(await stored('data/online'));
      complete.delete('after');
      expect(complete).to.deep.equal(expected);
    });
  }

  describeNeeding(redisPrograms, 'into Redis', () => {
    for (const dieAt of ['1 inside', '2 inside', '2 under way', '2 written']) {
      it(`in batch ${dieAt}: a rerun completes it`, async () => {
        const server = await RedisServer.start();
        try {
          await given({
            'vivace.yaml': sales.replace(
              'use: lmdb, path: ./data/online',
              `use: ./dying.mjs, url: ${server.url}`,
            ),
            'dying.mjs': dying('redis'),
            'sales.csv': csv,
          });
          const expected = await whole();
          const part = await startPart(redis, { url: server.url });
          const present = async (): Promise<Values> => {
            const keys = [...expected.keys()];
            const values = await part.face(keyValueStore).getMany(keys, callContext());
            return new Map(
              keys.flatMap((key, i) => {
                const value = values[i];
                return value === undefined ? [] : [[key, Buffer.from(value).toString('hex')] as const];
              }),
            );
          };
          await killed(dieAt);
          const left = await present();
          expect(left.size).to.be.lessThan(shops);
          if (dieAt.endsWith('written')) expect(left.size).to.be.greaterThan(0);
          for (const [key, bytes] of left) expect(bytes).to.equal(expected.get(key));
          await again();
          expect(await present()).to.deep.equal(expected);
          await part.stop();
        } finally {
          await server.stop();
        }
      });
    }
  });
});
