import { figure, type Figure } from './bench-case.js';
import type { Pair } from './compare.js';

/** What is known of each case, by its name. */
type ByCase<T> = readonly (readonly [name: string, of: readonly T[]])[];

/** The figures of all cases as a Markdown table. */
export function table(results: ByCase<Figure>): string {
  return markdown(
    ['case', 'measured', 'Vivace', 'floor', 'ratio', 'to reach', ''],
    results.flatMap(([name, figures]) =>
      figures.map(({ what, vivace, floor = '', ratio, target = '', reached }) => [
        `(${name})`,
        what,
        vivace,
        floor,
        ratioText(ratio),
        target,
        reached === undefined ? '' : reached ? 'reached' : '**missed**',
      ]),
    ),
  );
}

/** The figures of two builds side by side as a Markdown table. */
export function comparisonTable(results: ByCase<Pair>): string {
  return markdown(
    ['case', 'measured', 'old', 'new', 'new / old', 'floor, new / old'],
    results.flatMap(([name, pairs]) =>
      pairs.map(({ what, old, new: current, floorRatio }) => [
        `(${name})`,
        what,
        figure(old, '').trimEnd(),
        figure(current, '').trimEnd(),
        ratioText(current / old),
        ratioText(floorRatio),
      ]),
    ),
  );
}

function ratioText(ratio: number | undefined): string {
  return ratio === undefined ? '' : ratio.toFixed(2);
}

function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, 3, ...rows.map((row) => row[column]!.length)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
