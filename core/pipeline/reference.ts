import type { z } from 'zod';
import { columnNames } from '../config/names.js';

/** What a reference names. */
export interface Reference {
  /** The column: `alias.name`, or the bare name of a field. */
  readonly column: string;
  /** The element of a vector or a list, from 0. */
  readonly element?: number;
}

/** `alias.name`, `alias."any name"`, a bare field; each may be followed by `[0]`. */
export const referencePattern =
  /^[A-Za-z_][A-Za-z0-9_]*(\.([A-Za-z_][A-Za-z0-9_]*|"([^"\\]|\\["\\])+"))?(\[(0|[1-9][0-9]{0,5})\])?$/;

/** Whether an issue of a schema is that a text is not a reference. */
export function isWrongReference(issue: z.core.$ZodIssue): boolean {
  return issue.code === 'invalid_format' && issue.pattern === String(referencePattern);
}

/** What is expected of a text that is not a reference. */
export function wrongReference(text: unknown): string {
  // The alias of a step is the name of its part with _ for -.
  const meant = typeof text === 'string' ? text.replace(/^[^.]*/, (alias) => alias.replaceAll('-', '_')) : '';
  if (meant !== text && referencePattern.test(meant))
    return `a column: write ${meant}, since an alias has _ where a name has -`;
  return 'a column: `request.field`, `object.field`, `alias.feature` or `time`; a name with other characters in quotes, `alias."a name"`; an element of a vector by its index, `alias.feature[0]`';
}

/** Takes a reference apart; what is not one is taken as the name of a column, which does not exist. */
export function parseReference(text: string): Reference {
  const groups =
    /^(?<alias>[A-Za-z0-9_]+)(?:\.(?:"(?<quoted>.*)"|(?<plain>[A-Za-z0-9_]+)))?(?:\[(?<element>[0-9]{1,6})\])?$/.exec(
      text,
    )?.groups;
  if (groups === undefined) return { column: text };
  const { alias, quoted, plain, element } = groups;
  const name = quoted?.replace(/\\(.)/g, '$1') ?? plain;
  return {
    column: name === undefined ? alias! : `${alias}.${name}`,
    ...(element === undefined ? {} : { element: Number(element) }),
  };
}

/** The reference to a column: a model may give its outputs names that must be quoted. */
export function referenceTo(column: string): string {
  const dot = column.indexOf('.');
  const name = column.slice(dot + 1);
  if (dot < 0 || columnNames.pattern.test(name)) return column;
  return `${column.slice(0, dot)}."${name.replace(/["\\]/g, '\\$&')}"`;
}
