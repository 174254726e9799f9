/** What one round of a subject gave: figures by name, such as milliseconds or rows per second. */
export type Sample = Readonly<Record<string, number>>;

/**
 * Runs subjects in turn, round by round, so that what else the machine does falls on all of them alike; each second round in the opposite
 * order. The first `warmUp` rounds are not counted.
 *
 * @returns The median of every figure, per subject.
 */
export async function interleave<K extends string, S extends Sample>(
  subjects: Readonly<Record<K, () => S | Promise<S>>>,
  { rounds, warmUp = 1 }: { readonly rounds: number; readonly warmUp?: number },
): Promise<Record<K, S>> {
  const names = Object.keys(subjects) as K[];
  const samples = Object.fromEntries(names.map((name) => [name, [] as S[]])) as Record<K, S[]>;
  for (let round = -warmUp; round < rounds; round++) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      const sample = await subjects[name]();
      if (round >= 0) samples[name].push(sample);
    }
  }
  return Object.fromEntries(names.map((name) => [name, medians(samples[name])])) as Record<K, S>;
}

function medians<S extends Sample>(samples: readonly S[]): S {
  const keys = Object.keys(samples[0] as S);
  return Object.fromEntries(
    keys.map((key) => [key, median(samples.map((sample) => sample[key] as number))]),
  ) as S;
}

/** The middle value; of an even number the upper of the two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] as number;
}

/** The value that so much of all values do not exceed: 0.95 for the 95th percentile. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] as number;
}

/** Wall and CPU time of `work` in this process, microseconds per operation. */
export async function timed(
  operations: number,
  work: () => void | Promise<void>,
): Promise<{ readonly wallMicros: number; readonly cpuMicros: number }> {
  const cpu = process.cpuUsage();
  const from = performance.now();
  const working = work();
  if (working !== undefined) await working;
  const wallMicros = ((performance.now() - from) * 1000) / operations;
  const { user, system } = process.cpuUsage(cpu);
  return { wallMicros, cpuMicros: (user + system) / operations };
}
