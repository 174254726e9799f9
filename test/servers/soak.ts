import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** A long run takes so many times the usual cycles. */
const longer = Number(process.env['SOAK_TIMES'] ?? 1);

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

export interface Soak {
  readonly cycles: number;
  /** Cycles before the heap is first measured: caches and pools fill, code is compiled. */
  readonly warmUp?: number;
  /** One cycle: the part answers, its connections are cut, it answers again. */
  readonly cycle: () => Promise<void>;
  /** Open sockets, once everything has come to rest. */
  readonly sockets: () => number | Promise<number>;
}

export interface SoakResult {
  readonly socketsBefore: number;
  readonly socketsAfter: number;
  readonly heapGrowthBytes: number;
}

/** Runs cycles and tells what they left behind; the heap is measured after collection. */
export async function soak({ cycles, warmUp = 50, cycle, sockets }: Soak): Promise<SoakResult> {
  const count = cycles * longer;
  for (let i = 0; i < warmUp; i++) await cycle();
  const socketsBefore = await sockets();
  const heapBefore = await heapAfterCollection();
  for (let i = 0; i < count; i++) await cycle();
  const heapGrowthBytes = (await heapAfterCollection()) - heapBefore;
  return { socketsBefore, socketsAfter: await sockets(), heapGrowthBytes };
}

async function heapAfterCollection(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    collect();
  }
  return process.memoryUsage().heapUsed;
}
