import { RedisServer } from '../../servers/redis-server.js';
import { figure, type BenchCase, type Figure } from '../bench-case.js';
import { Child } from '../child.js';
import { interleave, type Sample } from '../measure.js';
import type { Pushed } from '../pushed-rows.js';

/** A push of 10,000 rows to Redis, in code: the rows are checked, compared with what is stored, encoded and written where they are newer. */
export const benchCase: BenchCase = {
  title: 'push 10,000 rows to Redis',
  async run() {
    const figures: Figure[] = [];
    for (const features of [5, 50]) {
      const { vivace, floor } = await interleave(
        {
          vivace: async () => push('./children/redis-push.js', features),
          floor: async () => push('./children/redis-push-floor.js', features),
        },
        { rounds: 3, warmUp: 0 },
      );
      const ratio = vivace.ms / floor.ms;
      figures.push({
        what: `a push of ${features} features, the median of 10 after two`,
        vivace: figure(vivace.ms, 'ms'),
        floor: figure(floor.ms, 'ms'),
        ratio,
        target: 'ratio ≤ 2',
        reached: ratio <= 2,
      });
    }
    return figures;
  },
};

async function push(module: string, features: number): Promise<Sample & { ms: number }> {
  const redis = await RedisServer.start();
  try {
    const given: Pushed = { url: redis.url, features };
    const { child, ready } = await Child.start<readonly number[]>(module, given);
    await child.stop();
    const after = ready.slice(2).sort((a, b) => a - b);
    return { ms: after[after.length >> 1]! };
  } finally {
    await redis.stop();
  }
}
