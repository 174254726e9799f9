import { SpanKind, type Attributes } from '@opentelemetry/api';
import { attributeNames } from '../kernel/attribute-names.js';
import { contextWithin, type CallContext } from '../kernel/call.js';
import type { ErrorCode } from '../kernel/errors.js';
import { withinSpan } from '../kernel/span.js';
import type { OutsideSystem } from './definition.js';

type Operation = (...args: unknown[]) => unknown;

/** What is the same for every span of one operation. */
export interface OperationSpan {
  readonly name: string;
  readonly kind: SpanKind;
  readonly attributes: Attributes;
  /** The first argument is a batch that goes to a database. */
  readonly isDatabaseBatch: boolean;
  /** The code that the guard gives to what the operation throws. */
  readonly codeOf: (error: unknown) => ErrorCode;
}

/** Describes the spans of one operation of a part. A part that names no system outside the process works within it. */
export function operationSpan(
  { port, operation, batch = false }: { port: string; operation: string; batch?: boolean | undefined },
  { name, use, system }: { name: string; use: string; system: OutsideSystem | undefined },
  codeOf: (error: unknown) => ErrorCode,
): OperationSpan {
  const isDatabase = system?.database !== undefined;
  return {
    name: `${port} ${operation}`,
    kind: system === undefined || system.embedded === true ? SpanKind.INTERNAL : SpanKind.CLIENT,
    attributes: {
      [attributeNames.part]: name,
      [attributeNames.use]: use,
      ...(isDatabase
        ? { [attributeNames.dbSystem]: system.database, [attributeNames.dbOperation]: operation }
        : {}),
      ...system?.attributes,
    },
    isDatabaseBatch: isDatabase && batch,
    codeOf,
  };
}

/**
 * Calls an operation within a span, which becomes the trace of the call context among its arguments. The span is a child of that
 * context's, or of the active context where that has none, and linked to the others that the call belongs to.
 */
export function inSpan(
  operation: Operation,
  args: readonly unknown[],
  { name, kind, attributes, isDatabaseBatch, codeOf }: OperationSpan,
): unknown {
  const at = args.findIndex(isCallContext);
  const call = args[at] as CallContext | undefined;
  const size = isDatabaseBatch ? (args[0] as readonly unknown[]).length : 0;
  return withinSpan(
    {
      name,
      kind,
      // By the conventions, one key is not a batch.
      attributes: size > 1 ? { ...attributes, [attributeNames.dbBatchSize]: size } : attributes,
      parent: call?.trace,
      links: call?.links,
      signal: call === undefined ? undefined : () => call.signal,
      codeOf,
    },
    (inside) => operation(...(call === undefined ? args : args.with(at, contextWithin(call, inside)))),
  );
}

function isCallContext(value: unknown): value is CallContext {
  return (
    typeof value === 'object' &&
    value !== null &&
    (value as Partial<CallContext>).signal instanceof AbortSignal
  );
}
