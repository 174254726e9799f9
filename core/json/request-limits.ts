import type { VivaceError } from '../kernel/errors.js';
import type { PipelineDescription, PipelineField } from '../ports/data-plane.js';
import type { JsonLimits } from '../wire/json/limits.js';
import { longestList } from './json-values.js';
import { RequestMistakes } from './request-mistakes.js';

/** What a request may have besides what its pipeline knows, so that a message can name what is too much. */
const spare = { values: 1000, bytes: 65_536 } as const;

/** Bytes of a number, a time or a literal, with the white space around it. */
const scalarBytes = 64;

/** How large a request of a pipeline can be. */
export interface RequestLimits {
  /** The most that its JSON holds. */
  readonly json: Omit<JsonLimits, 'maxDepth'>;
  /** The bytes of the largest body, `Infinity` where a field has no limit. */
  readonly bodyLimitBytes: number;
}

/**
 * The limits of a pipeline's requests, from its description: the worst case of each field, for as many objects as there may be. Values may
 * be twice as many, and some more.
 */
export function requestLimits({ request, objects }: PipelineDescription): RequestLimits {
  return limitsOf(request, objects === undefined ? undefined : { ...objects, name: 'objects' });
}

/** The rows of a request: a list of objects, or an object of lists. */
export interface RequestRows {
  readonly fields: readonly PipelineField[];
  readonly max: number;
  /** The member of the request that holds them. */
  readonly name: string;
}

/** The limits of a request with some fields of its own, and rows. */
export function limitsOf(request: readonly PipelineField[], rows: RequestRows | undefined): RequestLimits {
  const { max = 0, fields = [] } = rows ?? {};
  // The body, its three members, and in columns a list for each field.
  const frame = 4 + fields.length;
  const values = frame + sum(request, valuesOf) + max * (1 + sum(fields, valuesOf));
  const containers = frame + sum(request, listsOf) + max * (1 + sum(fields, listsOf));
  return {
    json: {
      maxValues: spare.values + 2 * values,
      maxContainers: spare.values + 2 * containers,
      ...(rows === undefined ? {} : { counted: { name: rows.name, max, refuse: () => refused(rows) } }),
    },
    bodyLimitBytes: spare.bytes + sum(request, bytesOf) + max * (scalarBytes + sum(fields, bytesOf)),
  };
}

function refused({ name, max }: RequestRows): VivaceError {
  const mistakes = new RequestMistakes();
  mistakes.add(
    () => name,
    () => `more than ${max} ${name}, which is the most that a request may have`,
  );
  return mistakes.error();
}

function sum(fields: readonly PipelineField[], of: (field: PipelineField) => number): number {
  return fields.reduce((total, field) => total + of(field), 0);
}

function elementsOf({ type }: PipelineField): number {
  return type.kind === 'list' ? longestList : type.width;
}

function valuesOf(field: PipelineField): number {
  return listsOf(field) + elementsOf(field);
}

function listsOf({ type }: PipelineField): number {
  return type.kind === 'scalar' ? 0 : 1;
}

function bytesOf(field: PipelineField): number {
  const { element } = field.type;
  const each =
    element === 'bytes'
      ? Infinity
      : element === 'string'
        ? // Any unit may be written as an escape of six characters.
          6 * (field.maxLength ?? Infinity) + scalarBytes
        : scalarBytes;
  return field.name.length + scalarBytes + elementsOf(field) * each;
}
