import type { Mistakes } from '../config/mistake.js';
import type { PartSurroundings } from '../parts/check-context.js';
import type { ResolvedPart } from './parts.js';

/** Finds mistakes in options of parts that say something of views, or that depend on other parts. */
export function checkAmong(
  parts: ReadonlyMap<string, ResolvedPart>,
  {
    views,
    isBroken,
    mistakes,
  }: Pick<PartSurroundings, 'views' | 'isBroken'> & { readonly mistakes: Mistakes },
): void {
  for (const { name, definition, options, slots } of parts.values()) {
    const filled = Object.entries(slots).flatMap(([slot, part]) => {
      const other = parts.get(part);
      return other === undefined ? [] : [[slot, other.options as Readonly<Record<string, unknown>>] as const];
    });
    const among = { views, isBroken, slots: Object.fromEntries(filled) };
    for (const { path, message } of definition.checkAmong?.(options as never, among) ?? [])
      mistakes.add(['parts', name, ...path], message);
  }
}
