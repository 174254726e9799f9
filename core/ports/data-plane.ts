import type { Column } from '../data/column.js';
import type { Field } from '../data/feature-rows.js';
import type { FrameColumn, Scope } from '../data/frame.js';
import type { Tensor } from '../data/tensor.js';
import type { Call } from '../kernel/call.js';
import type { FeatureView } from '../views/view.js';
import type { ModelVersion } from './model-repository.js';
import type { DescribedModel, Prediction, ModelIdentity } from './predictor.js';

/** A field of a request or of its objects. */
export interface PipelineField extends Field {
  /** It may be null. */
  readonly optional: boolean;
  readonly description?: string;
  readonly unit?: string;
  /** The most UTF-16 units of its texts, elements of lists included, where it holds any. */
  readonly maxLength?: number;
}

/** What an answer with `explain` holds of one node. */
export interface DescribedNode {
  readonly alias: string;
  readonly scope: Scope;
  /** Each value has a status, and each row a status and, where the source has them, times. */
  readonly hasStatus: boolean;
  /** Any value may be null. */
  readonly columns: readonly Field[];
}

/** A pipeline as callers see it. */
export interface PipelineDescription {
  readonly name: string;
  readonly description?: string;
  readonly request: readonly PipelineField[];
  /** The field of the request that is the request time; without it, the time of arrival. */
  readonly time?: string;
  readonly objects?: { readonly fields: readonly PipelineField[]; readonly max: number };
  /** Any may be null. Each has one row per object, or one row where the pipeline has no objects. */
  readonly outputs: readonly Field[];
  readonly deadlineMs: number;
  /** Whether a request may ask for an explanation. */
  readonly explain: boolean;
  /** The nodes whose values `explain` answers, in the order of the plan. */
  readonly explained: readonly DescribedNode[];
  /** The compiled plan, for people: nodes in order, what each reads and writes. */
  readonly plan: object;
}

/** A request in columns, in the order of the pipeline's fields. */
export interface PipelineInput {
  /** One row each. */
  readonly request: readonly Column[];
  /** `rows` rows each, for a pipeline with objects. */
  readonly objects?: { readonly rows: number; readonly columns: readonly Column[] };
  /** Whether the answer says which values it came from. */
  readonly explain?: boolean;
}

/** Rows of one fetch that are not what the source holds, and why. */
export interface Degradation {
  readonly step: string;
  readonly status: 'MISSING' | 'STALE' | 'FAILED';
  readonly rows: number;
  /** The outage's code, where the status is FAILED. */
  readonly code?: string;
}

/** What one node of the plan produced, for `explain`. */
export interface ExplainedNode {
  readonly alias: string;
  readonly scope: Scope;
  /** For a fetch: status per row, and times where the source has any. */
  readonly rows?: {
    readonly status: Uint8Array;
    readonly eventTime?: Float64Array;
    readonly availableTime?: Float64Array;
  };
  readonly columns: readonly { readonly name: string; readonly column: FrameColumn }[];
}

/** Every value that a run used. */
export interface Explanation {
  /** Request time, microseconds. */
  readonly time: number;
  /** In the order of the plan. */
  readonly nodes: readonly ExplainedNode[];
  readonly objects: number;
  /** Whether an object was left out. */
  readonly skipped: (object: number) => boolean;
}

/** An answer in columns. */
export interface PipelineAnswer {
  readonly requestId: string;
  /** The version that answered, per predict step. */
  readonly models: readonly ({ readonly step: string } & ModelVersion)[];
  readonly degraded: readonly Degradation[];
  /** One column per output. With objects every column has a row for each object of the request, in its order. */
  readonly outputs: readonly Column[];
  /** With objects: their fields as they came, and the rows of the answer in its order, without those that were left out. */
  readonly objects?: { readonly fields: readonly Column[]; readonly order: Uint32Array };
  readonly explanation?: Explanation;
}

/** Pipelines, for callers. */
export interface PipelinePlane {
  names(): readonly string[];
  /** @throws {VivaceError} `NOT_FOUND`, with the names that exist. */
  describe(pipeline: string): PipelineDescription;
  /**
   * Answers a request.
   *
   * @param input A function is called only after the request has been counted, so that a request that cannot be decoded appears in the
   *   metrics of its pipeline.
   * @throws {VivaceError} with `path` wherever a field is at fault.
   */
  predict(
    pipeline: string,
    input: PipelineInput | (() => PipelineInput),
    call: Call,
  ): Promise<PipelineAnswer>;
}

/** Models without a pipeline, for callers that bring tensors. */
export interface PredictorPlane {
  /** The predictor parts, and the version that each serves. */
  list(): readonly { readonly name: string; readonly serving: ModelIdentity | undefined }[];
  /** @throws {VivaceError} `NOT_FOUND`, with the names that exist. */
  describe(predictor: string, call: Call): Promise<DescribedModel>;
  /**
   * Predicts for `rows` rows of one request.
   *
   * @param inputs One tensor per input of the signature, in its order; the call owns them.
   */
  predict(
    predictor: string,
    inputs: readonly Tensor[],
    call: Call & { readonly rows: number },
  ): Promise<Prediction>;
}

/** A view as callers write it. */
export interface PushDescription {
  readonly view: string;
  /** None may be null. */
  readonly keys: readonly PipelineField[];
  /** Any may be null; none may be absent. */
  readonly features: readonly PipelineField[];
  /** The most rows of one push. */
  readonly maxRows: number;
}

/** What is wrong with a row that is pushed: where it stands in what the caller sent, and why it is not written. */
export interface RowMistake {
  /** From 0. */
  readonly row: number;
  readonly path: string;
  readonly message: string;
}

/** Rows to be written to a view, in columns. */
export interface PushInput {
  /** All rows, wrong ones included. */
  readonly rows: number;
  /** One per key of the view, in its order. */
  readonly keys: readonly Column[];
  /** A timestamp per row. */
  readonly eventTime: Column;
  /** One per feature of the view, in its order. */
  readonly features: readonly Column[];
  /** What is wrong, in the order of the rows: a row that is named here is not written, and its values count for nothing. */
  readonly mistakes: readonly RowMistake[];
  /** Where a value of a row stands in what the caller sent. */
  readonly pathOf: (row: number, name: string) => string;
}

/** What became of rows that were pushed. */
export interface PushOutcome {
  /** Rows without a mistake: each of them, or one that is newer or equal, is in the store. */
  readonly accepted: number;
  /** Rows that changed what is stored. */
  readonly written: number;
  /** Each row that was not accepted at least once. */
  readonly errors: readonly RowMistake[];
}

/** Features of one or more views, as one read asks for them. */
export interface ReadDescription {
  /** The views that are read, once each. */
  readonly views: readonly string[];
  /** The keys of all of them: those of one name and type are given once. Any may be null, which is a key that no row has. */
  readonly keys: readonly PipelineField[];
  /** In the order in which they were asked for, each named `view.feature`; any value may be null. */
  readonly features: readonly Field[];
  /** The most rows of one read. */
  readonly maxRows: number;
}

/** The keys of a read, in columns. */
export interface ReadInput {
  readonly rows: number;
  /** One per key of the description, in its order. */
  readonly keys: readonly Column[];
}

/** The rows of one view in a read. */
export interface ReadView {
  readonly view: string;
  /** Per row PRESENT, MISSING, STALE or FAILED. */
  readonly status: Uint8Array;
  /** Microseconds; 0 for a row that is not there. */
  readonly eventTime: Float64Array;
  readonly availableTime: Float64Array;
}

/** Features by key. */
export interface FeatureAnswer {
  readonly requestId: string;
  readonly rows: number;
  /** What the age of rows was judged against, microseconds. */
  readonly time: number;
  readonly description: ReadDescription;
  /** One per feature; without statuses where every value is PRESENT. */
  readonly features: readonly FrameColumn[];
  /** In the order of the description. */
  readonly views: readonly ReadView[];
  /** Rows that are not what a view holds, and why: `step` is the name of the view. */
  readonly degraded: readonly Degradation[];
}

/** Features without a pipeline. */
export interface FeaturePlane {
  views(): ReadonlyMap<string, FeatureView>;
  /**
   * What a push to a view takes.
   *
   * @throws {VivaceError} `NOT_FOUND`, with the names that exist; `FAILED_PRECONDITION` where its rows are not pushed.
   */
  describePush(view: string): PushDescription;
  /**
   * Writes whole rows, which are available from now on by the server's clock. For each key the newest event time stands, and of equal ones
   * what was pushed last. A row that the store holds already, with the same event time and values, is not written again, so that a push may
   * be repeated.
   *
   * @param input A function is called only after the call has been counted.
   * @throws {VivaceError} As `describePush`; what the store throws, where any row without a mistake may not be stored: push again.
   */
  push(view: string, input: PushInput | (() => PushInput), call: Call): Promise<PushOutcome>;
  /**
   * Compiles a list of features, once for each list: the same object is returned for the same names as long as it is among the last that were
   * asked for.
   *
   * @param features Each `view.feature`, or `view` for all features of one.
   * @throws {VivaceError} `INVALID_ARGUMENT` with the path `features[2]` where there is no such feature, or it is asked for twice.
   */
  describeRead(features: readonly string[]): ReadDescription;
  /**
   * Reads features as a pipeline with the default policies does now, except that an outage is never replaced by a default.
   *
   * @param input A function is called only after the call has been counted.
   * @throws {VivaceError} As `describeRead`; the outage where no view could be read.
   */
  read(features: readonly string[], input: ReadInput | (() => ReadInput), call: Call): Promise<FeatureAnswer>;
}

/** What callers may ask of a server, independent of any protocol: every transport answers from it. */
export interface DataPlane {
  readonly pipelines: PipelinePlane;
  readonly predictors: PredictorPlane;
  readonly features: FeaturePlane;
}
