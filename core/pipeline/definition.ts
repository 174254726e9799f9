import type { ViewInput } from '../views/schema.js';
import type { StepClass, StepType } from '../steps/custom/step.js';

/** A field as users write it: a type name, or a type with more to say. */
export type FieldDeclaration =
  | string
  | {
      readonly type: string;
      readonly optional?: boolean;
      readonly description?: string;
      readonly unit?: string;
    };

type Fields = Readonly<Record<string, FieldDeclaration>>;
type Choice = 'default' | 'null' | 'skip' | 'fail';
interface CacheDeclaration {
  readonly in: string;
  readonly ttlMs: number;
}

export type StepDeclaration =
  | { readonly record: Readonly<Record<never, never>> }
  | {
      readonly fetch: string;
      readonly as?: string;
      readonly key?: Readonly<Record<string, string>>;
      readonly cache?: CacheDeclaration;
      readonly onMissing?: Choice;
      readonly onFailure?: Choice;
      readonly budgetMs?: number;
    }
  | { readonly transform: string; readonly as?: string; readonly inputs?: Readonly<Record<string, string>> }
  | {
      readonly predict: string;
      readonly as?: string;
      readonly inputs?: Readonly<Record<string, readonly string[]>>;
      readonly cache?: CacheDeclaration & { readonly by?: readonly string[] };
    }
  | {
      readonly step: string | StepType | StepClass;
      readonly as?: string;
      readonly inputs?: Readonly<Record<string, string>>;
      readonly [option: string]: unknown;
    };

/** A pipeline as code declares it; a YAML file holds the same keys. */
export interface PipelineDeclaration {
  readonly description?: string;
  readonly request?: Fields;
  readonly time?: string;
  readonly objects?: { readonly fields: Fields; readonly max?: number };
  readonly deadlineMs?: number;
  readonly steps: readonly StepDeclaration[];
  readonly response: {
    readonly outputs: Readonly<Record<string, string>>;
    readonly orderBy?: string;
    readonly descending?: boolean;
    readonly limit?: number;
  };
}

/** Declares a pipeline, so that the types of its requests and answers are inferred. It is compiled by `createServer`. */
export function definePipeline<const P extends PipelineDeclaration>(pipeline: P): P {
  return pipeline;
}

type Scalar<T extends string> = T extends 'float32' | 'float64'
  ? number | 'NaN' | 'Infinity' | '-Infinity'
  : T extends 'int32'
    ? number
    : T extends 'int64'
      ? number | bigint | string
      : T extends 'bool'
        ? boolean
        : T extends 'string'
          ? string
          : T extends 'timestamp'
            ? string | Date
            : T extends 'bytes'
              ? string | Uint8Array
              : never;

type AnyScalar = number | bigint | string | boolean | Date | Uint8Array;

/** The values a type takes in a request; any value where the type is not known to the compiler. */
export type ValueOf<T extends string> = string extends T
  ? AnyScalar | readonly AnyScalar[]
  : T extends `${infer E}[${number}]`
    ? readonly Scalar<E>[]
    : T extends `list<${infer E}>`
      ? readonly Scalar<E>[]
      : Scalar<T>;

type TypeOf<F> = F extends string ? F : F extends { readonly type: infer T extends string } ? T : never;
type Required_<F extends Fields> = {
  [K in keyof F as F[K] extends { readonly optional: true } ? never : K]: ValueOf<TypeOf<F[K]>>;
};
type Optional_<F extends Fields> = {
  [K in keyof F as F[K] extends { readonly optional: true } ? K : never]?: ValueOf<TypeOf<F[K]>> | null;
};
type Flat<T> = { [K in keyof T]: T[K] };
type Row<F extends Fields> = Flat<Required_<F> & Optional_<F>>;
type Columns<F extends Fields> = { readonly [K in keyof F]: readonly ValueOf<TypeOf<F[K]>>[] };

/** A value of an answer, as JSON has it. */
export type AnswerValue = number | string | boolean | null | readonly AnswerValue[];

type RequestPart<P extends PipelineDeclaration> = P extends { readonly request: infer F extends Fields }
  ? keyof F extends never
    ? { request?: Record<never, never> }
    : { request: Row<F> }
  : { request?: Record<never, never> };

type AnyRow = Readonly<Record<string, AnyScalar | readonly AnyScalar[] | null>>;

/** What a pipeline takes of which the compiler knows nothing, as one from a YAML file. */
interface AnyRequest {
  readonly request?: AnyRow;
  readonly objects?: readonly AnyRow[] | Readonly<Record<string, readonly AnyRow[string][]>>;
  readonly explain?: boolean;
}

/** What a caller of pipeline `P` sends. */
export type RequestOf<P extends PipelineDeclaration> = PipelineDeclaration extends P
  ? AnyRequest
  : Flat<
      RequestPart<P> &
        (P extends { readonly objects: { readonly fields: infer F extends Fields } }
          ? { objects: readonly Row<F>[] | Columns<F> }
          : object) & { explain?: boolean }
    >;

type OutputsOf<P extends PipelineDeclaration> = {
  -readonly [K in keyof P['response']['outputs']]: AnswerValue;
};
type ObjectsOf<P extends PipelineDeclaration> = P extends {
  readonly objects: { readonly fields: infer F extends Fields };
}
  ? Flat<{ index: number } & { [K in keyof F]: AnswerValue } & OutputsOf<P>>[]
  : never;

interface AnswerHead {
  readonly requestId: string;
  readonly models: readonly { readonly step: string; readonly name: string; readonly version: string }[];
  readonly degraded: readonly {
    readonly step: string;
    readonly status: 'MISSING' | 'STALE' | 'FAILED';
    readonly rows: number;
    readonly code?: string;
  }[];
  readonly explain?: unknown;
}

type AnyOutputs = Readonly<Record<string, AnswerValue>>;

/** What pipeline `P` answers when objects are sent as a list, or when it has none. */
export type AnswerOf<P extends PipelineDeclaration> = PipelineDeclaration extends P
  ? AnswerHead & { readonly objects: readonly AnyOutputs[]; readonly outputs: AnyOutputs }
  : P extends { readonly objects: object }
    ? AnswerHead & { readonly objects: ObjectsOf<P> }
    : AnswerHead & { readonly outputs: OutputsOf<P> };

type ReadonlyDeep<T> = T extends object ? { readonly [K in keyof T]: ReadonlyDeep<T[K]> } : T;

/** Views as code declares them; a YAML file holds the same keys. */
export type Views = Readonly<Record<string, ReadonlyDeep<ViewInput>>>;
