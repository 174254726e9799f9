import type { z } from 'zod';
import type { fieldSpec, pipelineSchema } from '../pipeline/schema.js';
import type { customKeys } from '../steps/custom/custom.js';
import type { StepClass, StepType } from '../steps/custom/step.js';
import type { fetchSchema } from '../steps/fetch/schema.js';
import type { predictSchema } from '../steps/predict/schema.js';
import type { transformSchema } from '../steps/transform/transform.js';
import type { ViewInput } from '../views/schema.js';

/** Read-only throughout; what is optional may be absent, and is not `undefined`. */
type ReadonlyDeep<T> = T extends object
  ? { readonly [K in keyof T]: ReadonlyDeep<Exclude<T[K], undefined>> }
  : T;
/** What a schema takes, as code writes it. */
type Declared<S extends z.ZodType> = ReadonlyDeep<z.input<S>>;

/** A field as users write it: a type name, or a type with more to say. */
export type FieldDeclaration = Declared<typeof fieldSpec>;

type Fields = Readonly<Record<string, FieldDeclaration>>;

declare const own: unique symbol;

/** A step with a team's own verb; `ownStep` makes one. */
export interface OwnStep {
  readonly [own]: true;
}

/** A step with a team's own verb, for pipelines in code: its definition checks what it holds when the server is created. */
export function ownStep(step: Readonly<Record<string, unknown>>): OwnStep {
  return step as unknown as OwnStep;
}

export type StepDeclaration =
  | Declared<typeof fetchSchema>
  | Declared<typeof transformSchema>
  | Declared<typeof predictSchema>
  | (Declared<typeof customKeys> & {
      readonly step: string | StepType | StepClass;
      readonly [option: string]: unknown;
    })
  | OwnStep;

type Settings = Omit<Declared<typeof pipelineSchema>, 'steps'>;

/** A pipeline as code declares it; a YAML file holds the same keys. */
export interface PipelineDeclaration extends Settings {
  readonly steps: readonly StepDeclaration[];
}

type NoneBut<T, K> = Readonly<Record<Exclude<keyof T, K>, never>>;

/** A step of a built-in verb has no keys but those of its verb; a team's own step has what its schema takes. */
type KnownStep<S> = S extends OwnStep | { readonly step: unknown }
  ? unknown
  : S extends { readonly fetch: unknown }
    ? NoneBut<S, keyof Declared<typeof fetchSchema>>
    : S extends { readonly transform: unknown }
      ? NoneBut<S, keyof Declared<typeof transformSchema>>
      : S extends { readonly predict: unknown }
        ? NoneBut<S, keyof Declared<typeof predictSchema>>
        : unknown;

/** What a pipeline whose type is inferred must fit as well: inference alone would let a misspelt key pass. */
export type Known<P extends PipelineDeclaration> = NoneBut<P, keyof PipelineDeclaration> & {
  readonly steps: { readonly [I in keyof P['steps']]: KnownStep<P['steps'][I]> };
};

/** Declares a pipeline, so that the types of its requests and answers are inferred. It is compiled by `createServer`. */
export function definePipeline<const P extends PipelineDeclaration>(pipeline: P & Known<P>): P {
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

/** Views as code declares them; a YAML file holds the same keys. */
export type Views = Readonly<Record<string, ReadonlyDeep<ViewInput>>>;
