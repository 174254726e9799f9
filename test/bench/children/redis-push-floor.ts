import { createClient } from 'redis';
import { asChild } from '../child.js';
import { pushes, pushTimes, rowsOfPush, type Pushed } from '../pushed-rows.js';
import { putGreater } from '../put-greater.js';
import { slotsAt } from '../stored-floats.js';

const chunkRows = 1000;

/** Writes as many bytes for each key, on the same condition, with the bare client: one call for 1,000 keys, all of them at once. */
await asChild(async (given: Pushed) => {
  const rowBytes = slotsAt + 4 * given.features;
  const client = createClient({ url: given.url });
  client.on('error', () => undefined);
  await client.connect();
  const sha = await client.scriptLoad(putGreater);
  const ready = await pushTimes((push) => {
    const { id, features } = rowsOfPush(push, given);
    return async () => {
      const values = id.map((_, row) => {
        const value = Buffer.alloc(rowBytes);
        value.writeUInt32BE(push);
        for (let i = 0; i < given.features; i++)
          value.writeFloatLE(features[row * given.features + i]!, slotsAt + 4 * i);
        return value;
      });
      const writing: Promise<unknown>[] = [];
      for (let from = 0; from < id.length; from += chunkRows) {
        const keys = id.slice(from, from + chunkRows).map((each) => `vivace:floor:${each}`);
        const given = [...keys, ...values.slice(from, from + chunkRows)];
        writing.push(client.sendCommand(['EVALSHA', sha, String(keys.length), ...given]));
      }
      await Promise.all(writing);
    };
  }, pushes);
  client.destroy();
  return { ready };
});
