import type { Figure } from './bench-case.js';

const head = ['case', 'measured', 'Vivace', 'floor', 'ratio', 'to reach', ''];

/** The figures of all cases as a Markdown table. */
export function table(results: readonly (readonly [name: string, figures: readonly Figure[]])[]): string {
  const rows = results.flatMap(([name, figures]) =>
    figures.map(({ what, vivace, floor = '', ratio, target = '', reached }) => [
      `(${name})`,
      what,
      vivace,
      floor,
      ratio === undefined ? '' : ratio.toFixed(2),
      target,
      reached === undefined ? '' : reached ? 'reached' : '**missed**',
    ]),
  );
  const widths = head.map((title, column) =>
    Math.max(title.length, 3, ...rows.map((row) => row[column]!.length)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
