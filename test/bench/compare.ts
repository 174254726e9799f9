import type { Figure } from './bench-case.js';
import { interleave, type Sample } from './measure.js';
import type { Outcome } from './run-case.js';

/** A figure of two builds, in one unit. */
export interface Pair {
  /** What is measured, and the unit: `'CPU per row [µs]'`. */
  readonly what: string;
  readonly old: number;
  readonly new: number;
  /** The floor's figure beside the new build over that beside the old: what the machine changed, where the floor's code is the same. */
  readonly floorRatio?: number;
}

/** What two builds of a case have in common. */
export interface Comparison {
  readonly pairs: readonly Pair[];
  /** Figures that only one build has, each with its build's name. */
  readonly unpaired: readonly string[];
}

const floor = 'floor: ';

/**
 * Runs a case of both builds in turn.
 *
 * @param run Runs it once.
 * @throws {Error} For the first run that gives no figures, with its build's name.
 */
export async function compare(
  run: (build: 'old' | 'new') => Promise<Outcome>,
  rounds: number,
): Promise<Comparison> {
  const sample = async (build: 'old' | 'new'): Promise<Sample> => {
    const outcome = await run(build);
    if ('failed' in outcome) throw new Error(`${build}: ${outcome.failed}`);
    return sampleOf(outcome.figures);
  };
  const measured = await interleave(
    { old: async () => sample('old'), new: async () => sample('new') },
    { rounds, warmUp: 0 },
  );
  return pairsOf(measured.old, measured.new);
}

/** The numbers of a case's figures and of their floors, by what they are and their unit. */
export function sampleOf(figures: readonly Figure[]): Sample {
  const sample: Record<string, number> = {};
  for (const { what, vivace, floor: beside } of figures) {
    for (const [prefix, text] of [
      ['', vivace],
      [floor, beside],
    ] as const) {
      if (text === undefined) continue;
      const { value, unit } = parseFigure(text);
      sample[`${prefix}${what} [${unit}]`] = value;
    }
  }
  return sample;
}

/**
 * Reads a number of the table back: `'1,234 requests/s'` is 1234, in requests/s.
 *
 * @throws {Error} For any other text.
 */
export function parseFigure(text: string): { readonly value: number; readonly unit: string } {
  const [, digits, unit] = /^(-?[\d,.]+(?:e[+-]?\d+)?|∞) (.+)$/.exec(text) ?? [];
  const value = Number(digits?.replaceAll(',', '').replace('∞', 'Infinity'));
  if (unit === undefined || Number.isNaN(value))
    throw new Error(`${JSON.stringify(text)} is not a number with a unit`);
  return { value, unit };
}

/** Brings together the figures that both builds have. */
export function pairsOf(old: Sample, current: Sample): Comparison {
  const pairs: Pair[] = [];
  const unpaired = Object.keys(current)
    .filter((what) => !(what in old))
    .map((what) => `new: ${what}`);
  for (const [what, value] of Object.entries(old)) {
    const other = current[what];
    if (other === undefined) unpaired.push(`old: ${what}`);
    else if (!what.startsWith(floor))
      pairs.push({ what, old: value, new: other, ...floorOf(what, old, current) });
  }
  return { pairs, unpaired };
}

function floorOf(what: string, old: Sample, current: Sample): Pick<Pair, 'floorRatio'> {
  const [before, after] = [old[floor + what], current[floor + what]];
  return before === undefined || after === undefined ? {} : { floorRatio: after / before };
}
