import { columnNames, partNames, type NameRule } from '../config/names.js';

/**
 * The names in a specification that break the rules for names, each a mistake where it stands: those of parts, views, features, fields
 * and steps.
 *
 * @param blocks As users wrote them, not checked.
 */
export function misnamedIn({
  parts,
  views,
  pipelines,
}: Readonly<Record<'parts' | 'views' | 'pipelines', unknown>>): ReadonlySet<string> {
  const found = new Set<string>();
  const add = (names: readonly string[], { pattern }: NameRule): void =>
    names.filter((name) => !pattern.test(name)).forEach((name) => found.add(name));
  add(Object.keys(blockOf(parts)), partNames);
  add(Object.keys(blockOf(views)), columnNames);
  for (const view of Object.values(blockOf(views))) {
    const { entity, features } = blockOf(view);
    add([...Object.keys(blockOf(entity)), ...Object.keys(blockOf(features))], columnNames);
  }
  for (const pipeline of Object.values(blockOf(pipelines))) {
    const { request, objects, steps } = blockOf(pipeline);
    add([...Object.keys(blockOf(request)), ...Object.keys(blockOf(blockOf(objects)['fields']))], columnNames);
    const aliases = (Array.isArray(steps) ? steps : []).map((step) => blockOf(step)['as']);
    add(
      aliases.filter((alias) => typeof alias === 'string'),
      columnNames,
    );
  }
  return found;
}

/** Whether a text is one of some names, or refers to something of such a name: `alias.feature`. */
export function refersToOneOf(text: unknown, names: ReadonlySet<string>): boolean {
  if (typeof text !== 'string') return false;
  return [...names].some((name) => text === name || text.startsWith(`${name}.`) || text.endsWith(`.${name}`));
}

function blockOf(value: unknown): Readonly<Record<string, unknown>> {
  const isBlock = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isBlock ? (value as Readonly<Record<string, unknown>>) : {};
}
