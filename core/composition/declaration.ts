import type { Newable } from 'inversify';
import type { z } from 'zod';
import type { Definition, OptionalSlot, Uses } from '../parts/definition.js';
import type { fieldSpec, pipelineSchema } from '../pipeline/schema.js';
import type { customKeys } from '../steps/custom/custom.js';
import type { Port } from '../ports/port.js';
import type { DeclaredType, ElementOf, ScalarType, TypeName } from '../data/types.js';
import type { Writes } from '../ports/transform.js';
import type { Step, StepClass, StepType } from '../steps/custom/step.js';
import type { fetchSchema } from '../steps/fetch/schema.js';
import type { predictSchema } from '../steps/predict/schema.js';
import type { transformSchema } from '../steps/transform/transform.js';
import type { ViewInput } from '../views/schema.js';

/** Read-only throughout; an optional key may be absent, but not `undefined`. */
type ReadonlyDeep<T> = T extends object
  ? { readonly [K in keyof T]: ReadonlyDeep<Exclude<T[K], undefined>> }
  : T;
/** The input of a schema, as code writes it. */
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

/** The keys that name a verb of Vivace; a step has one of them. */
type Verb = 'fetch' | 'transform' | 'predict' | 'step';
/** Excludes the verbs other than `V`, so that a mistake is reported against the step that was meant. */
type Only<V extends Verb> = Readonly<Partial<Record<Exclude<Verb, V>, never>>>;

/** A step that reads features of a view or a feature source. */
export interface FetchStep extends Declared<typeof fetchSchema>, Only<'fetch'> {}
/** A step that applies a transform. */
export interface TransformStep extends Declared<typeof transformSchema>, Only<'transform'> {}
/** A step that asks a model for predictions. */
export interface PredictStep extends Declared<typeof predictSchema>, Only<'predict'> {}
/** A step of your own; its options and slots stand beside these keys. */
export interface CustomStep extends Declared<typeof customKeys>, Only<'step'> {
  readonly step: string | StepType | StepClass;
  readonly [option: string]: unknown;
}

export type StepDeclaration = FetchStep | TransformStep | PredictStep | CustomStep | OwnStep;

type Settings = Omit<Declared<typeof pipelineSchema>, 'steps'>;

/** A pipeline as code declares it; a YAML file holds the same keys. */
export interface PipelineDeclaration extends Settings {
  readonly steps: readonly StepDeclaration[];
}

/** The input of a schema of options, read-only throughout. */
export type ReadonlyOptions<T> = T extends (...args: never[]) => unknown
  ? T
  : T extends object
    ? { readonly [K in keyof T]: ReadonlyOptions<T[K]> }
    : T;

type Slots<U extends Uses> = {
  readonly [K in keyof U as U[K] extends OptionalSlot<Port> ? never : K]: string;
} & { readonly [K in keyof U as U[K] extends OptionalSlot<Port> ? K : never]?: string };

/** Options and slots as code writes them: a slot takes the name of a part. */
type OptionsOf<S extends z.ZodObject, U extends Uses> = Flat<
  (keyof S['shape'] extends never ? unknown : ReadonlyOptions<z.input<S>>) & Slots<U>
>;

type StaticOptions<C> = C extends { readonly options: infer S extends z.ZodObject } ? S : NoOptions;
type StaticUses<C> = C extends { readonly uses: infer U extends Uses } ? U : Record<never, never>;
type NoOptions = z.ZodObject<Record<never, never>>;

/** What a step of your own may say, where its definition is known. */
type CustomStepOf<T> =
  T extends StepType<infer S, infer U>
    ? Declared<typeof customKeys> & Only<'step'> & { readonly step: T } & OptionsOf<S, U>
    : T extends StepClass
      ? Declared<typeof customKeys> &
          Only<'step'> & {
            readonly step: Newable<Step<T['reads'], T['writes']>>;
          } & OptionsOf<StaticOptions<T>, StaticUses<T>>
      : CustomStep;

/** The kind of step that `S` was meant to be. */
type Meant<S> = S extends { readonly fetch: unknown }
  ? FetchStep
  : S extends { readonly transform: unknown }
    ? TransformStep
    : S extends { readonly predict: unknown }
      ? PredictStep
      : S extends { readonly step: infer T }
        ? CustomStepOf<T>
        : FetchStep | TransformStep | PredictStep | OwnStep;

/** `S` where it is a `T` without further keys; otherwise `T`, which the compiler then compares `S` with, key by key. */
type Exactly<S, T> = S extends T ? (Exclude<keyof S, keyof T> extends never ? S : T) : T;

type CheckedSteps<S> = { readonly [I in keyof S]: S[I] extends OwnStep ? S[I] : Exactly<S[I], Meant<S[I]>> };

/** What a pipeline whose type is inferred must be: inference alone would let a misspelt key pass. */
export type Checked<P extends PipelineDeclaration> = PipelineDeclaration extends P
  ? P
  : Exclude<keyof P, keyof PipelineDeclaration> extends never
    ? { readonly [K in keyof P]: K extends 'steps' ? CheckedSteps<P[K]> : P[K] }
    : PipelineDeclaration;

/** Declares a pipeline, so that the types of its requests and answers are inferred. It is compiled by `createServer`. */
export function definePipeline<const P extends PipelineDeclaration>(pipeline: Checked<P>): P {
  return pipeline as unknown as P;
}

/** What stands after `use:` per part. */
export type Used = Readonly<Record<string, string | Definition>>;

/** A part: where the compiler knows its definition, it checks the part's options and slots against it. */
type PartOf<D> = [D] extends [Definition<infer S, infer U>]
  ? string extends keyof S['shape']
    ? AnyPart<D>
    : { readonly use: D } & OptionsOf<S, U>
  : AnyPart<D>;

interface AnyPart<D> {
  readonly use: D;
  readonly [option: string]: unknown;
}

/** Parts by name, in code. */
export type Parts<D extends Used = Used> = { readonly [N in keyof D]: PartOf<D[N]> };

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

type TypeOf<F> = DeclaredType<F>;
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

/** The forms of objects in requests and answers: a list of them, or a list per field. */
export type Form = 'rows' | 'columns';

type InForm<F extends Form, R, C> = (F extends 'rows' ? R : never) | (F extends 'columns' ? C : never);

/** The input of a pipeline that the compiler knows nothing about, such as one from a YAML file. */
interface AnyRequest<F extends Form> {
  readonly request?: AnyRow;
  readonly objects?: InForm<F, readonly AnyRow[], Readonly<Record<string, readonly AnyRow[string][]>>>;
  readonly explain?: boolean;
}

/** What a caller of pipeline `P` sends, with its objects in the form `F`. */
export type RequestOf<P extends PipelineDeclaration, F extends Form = Form> = PipelineDeclaration extends P
  ? AnyRequest<F>
  : Flat<
      RequestPart<P> &
        (P extends { readonly objects: { readonly fields: infer O extends Fields } }
          ? { objects: InForm<F, readonly Row<O>[], Columns<O>> }
          : object) & { explain?: boolean }
    >;

interface AnswerByElement {
  float32: number | 'NaN' | 'Infinity' | '-Infinity';
  float64: number | 'NaN' | 'Infinity' | '-Infinity';
  int32: number;
  /** Written as a text beyond 2^53. */
  int64: number | string;
  bool: boolean;
  string: string;
  timestamp: string;
  bytes: string;
}

/** A value of a column of type `T` in an answer; any value where the compiler does not know the type. */
type AnswerOfType<T extends TypeName> = [T] extends [never]
  ? AnswerValue
  : TypeName extends T
    ? AnswerValue
    : (T extends ScalarType ? AnswerByElement[T] : readonly AnswerByElement[ElementOf<T>][]) | null;

type Underscored<N extends string> = N extends `${infer A}-${infer B}` ? `${A}_${Underscored<B>}` : N;

type AliasOf<S> = S extends { readonly as: infer A extends string }
  ? Underscored<A>
  : S extends { readonly step: { readonly name: infer N extends string } }
    ? Underscored<N>
    : never;

/** The type of a column that one of the steps `S` writes, where the compiler knows its definition. */
type Written<S, A extends string, C extends string> = S extends {
  readonly step: { readonly writes: infer W extends Writes };
}
  ? A extends AliasOf<S>
    ? W[C & keyof W]
    : never
  : never;

type FieldType<F, C extends string> = F extends Fields ? TypeOf<F[C & keyof F]> : never;

/** The type of what an output names; `never` where only the server knows it, as for views and models. */
type TypeOfReference<P extends PipelineDeclaration, R> = R extends `${infer C}[${number}]`
  ? ElementOf<TypeOfColumn<P, C>>
  : TypeOfColumn<P, R>;

type TypeOfColumn<P extends PipelineDeclaration, R> = R extends 'time'
  ? 'timestamp'
  : R extends `request.${infer C}`
    ? FieldType<P['request'], C>
    : R extends `object.${infer C}`
      ? FieldType<NonNullable<P['objects']>['fields'], C>
      : R extends `${infer A}.${infer C}`
        ? Written<P['steps'][number], A, C>
        : never;

type OutputsOf<P extends PipelineDeclaration> = {
  -readonly [K in keyof P['response']['outputs']]: AnswerOfType<
    TypeOfReference<P, P['response']['outputs'][K]>
  >;
};
type ObjectOf<P extends PipelineDeclaration> = P extends {
  readonly objects: { readonly fields: infer F extends Fields };
}
  ? Flat<{ index: number } & { [K in keyof F]: AnswerOfType<TypeOf<F[K]>> } & OutputsOf<P>>
  : never;
type ColumnsOf<O> = { [K in keyof O]: O[K][] };

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

/** Outputs of a pipeline by name. */
export type Outputs = Readonly<Record<string, AnswerValue>>;

/** An answer whose outputs are `O`, for pipelines that the compiler knows nothing about. */
export type AnswerWith<O, F extends Form = 'rows'> = AnswerHead & {
  readonly objects: InForm<F, readonly O[], { readonly [K in keyof O]: readonly O[K][] }>;
  readonly outputs: O;
};

/**
 * What pipeline `P` answers, with its objects in the form `F` of the request. Outputs from fields and from steps of your own have the types
 * of their columns; what comes from views, parts and models is an `AnswerValue`.
 */
export type AnswerOf<P extends PipelineDeclaration, F extends Form = 'rows'> = PipelineDeclaration extends P
  ? AnswerWith<Outputs, F>
  : P extends { readonly objects: object }
    ? AnswerHead & { readonly objects: InForm<F, ObjectOf<P>[], ColumnsOf<ObjectOf<P>>> }
    : AnswerHead & { readonly outputs: OutputsOf<P> };

/** Views as code declares them; a YAML file holds the same keys. */
export type Views = Readonly<Record<string, ReadonlyDeep<ViewInput>>>;
