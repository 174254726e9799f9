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

/** Features without a pipeline. */
export interface FeaturePlane {
  views(): ReadonlyMap<string, FeatureView>;
}

/** What callers may ask of a server, independent of any protocol: every transport answers from it. */
export interface DataPlane {
  readonly pipelines: PipelinePlane;
  readonly predictors: PredictorPlane;
  readonly features: FeaturePlane;
}
