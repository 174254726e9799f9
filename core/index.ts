/**
 * `vivace`: what authors of configurations in code, plugins, adapters, steps and layers need. What only adapters need is in `vivace/kit`,
 * binary formats that rooms or languages share are in `vivace/wire`, and contracts are in `vivace/testing`. Nothing else in core is public.
 */

// Servers: pipelines and parts put together, in code or from a file.
export { createServer, loadServer } from './composition/create-server.js';
export type { LoadOptions } from './composition/create-server.js';
export type { Server } from './composition/server-interface.js';
export type { PushedRow, PushedRows, ServerFeatures } from './composition/server-features.js';
export { ServerOf } from './composition/server.js';
export type { PredictOptions } from './composition/own-calls.js';
export type { Pipelines, ServerSpecification } from './composition/specification.js';
export type { PartDeclaration } from './composition/parts.js';
export type { Binding } from './composition/part-set.js';
export { definePipeline, ownStep } from './composition/declaration.js';
export type {
  AnswerOf,
  AnswerValue,
  AnswerWith,
  Form,
  Outputs,
  OwnStep,
  Parts,
  PipelineDeclaration,
  RequestOf,
  StepDeclaration,
  ValueOf,
  Views,
} from './composition/declaration.js';
export type {
  ContractDifference,
  ControlPlane,
  PartState,
  PartStatus,
  Readiness,
  ServedPredictor,
  ServerState,
} from './ports/control-plane.js';
export type {
  DataPlane,
  Degradation,
  ExplainedNode,
  Explanation,
  FeatureAnswer,
  FeaturePlane,
  PipelineAnswer,
  DescribedNode,
  PipelineDescription,
  PipelineField,
  PipelineInput,
  PipelinePlane,
  PredictorPlane,
  PushDescription,
  PushInput,
  PushOutcome,
  ReadDescription,
  ReadInput,
  ReadView,
  RowMistake,
} from './ports/data-plane.js';

// Parts: what adapters and plugins are defined by, and what they get.
export { defineAdapter, definePlugin, isDefinition, optional } from './parts/definition.js';
export type {
  AdapterSpec,
  Definition,
  OutsideSystem,
  PartSpec,
  PluginSpec,
  UsedParts,
  Uses,
} from './parts/definition.js';
export type {
  Clock,
  Counter,
  Histogram,
  HistogramOptions,
  Log,
  MetricOptions,
  PartContext,
} from './parts/context.js';
export { sdkProblems } from './parts/sdk.js';
export type { SdkProblem, SdkRequirement, SdkRequirements } from './parts/sdk.js';
export type { Admission, AdmissionLimits } from './kernel/admission.js';
export { Call, timeLeftMs } from './kernel/call.js';
export { stepTracer } from './kernel/call-tracer.js';
export type { CallTracer } from './kernel/call-tracer.js';
export type { CallContext, Caller, CallFields, MaybePromise } from './kernel/call.js';
export { resolveUse } from './composition/resolve-use.js';
export { requestHeaders } from './config/header-name.js';
export { redact, secret } from './config/secret.js';
export { longMilliseconds, milliseconds, readMilliseconds } from './config/duration.js';
export { routePrefix } from './config/route-prefix.js';

// Errors, and mistakes of a configuration.
export {
  abortError,
  asVivaceError,
  errorCodes,
  isPartialFailure,
  isVivaceError,
  messageOf,
  PartialFailure,
  valuesUnless,
  VivaceError,
} from './kernel/errors.js';
export type { ErrorCode, ErrorDetail, FailedKey, VivaceErrorOptions } from './kernel/errors.js';
export { withArticle } from './config/article.js';
export { fileErrorText, readConfiguration } from './config/configuration-file.js';
export { didYouMean } from './config/did-you-mean.js';
export { ConfigError, pathText } from './config/mistake.js';
export { parseValue } from './config/parse.js';
export type { ConfigPath, Mistake, Place } from './config/mistake.js';
export { columnNames, pathNames, requestIds } from './config/names.js';
export type { NameRule } from './config/names.js';

// Data: types, columns, rows, tensors.
export { parseType } from './data/types.js';
export type { ColumnType, DeclaredColumns, DeclaredType, ScalarType, TypeName } from './data/types.js';
export { clearBit, createBitmap, isSet, setBit } from './data/bitmap.js';
export {
  cellAt,
  columnBytes,
  columnOf,
  ColumnWriter,
  createValues,
  isValid,
  isValuesOf,
} from './data/column.js';
export { concat, gather } from './data/column-appender.js';
export type { Cell, CellOf, Column, ColumnOf, Values, ValuesOf, WriterOf } from './data/column.js';
export { fitsFloat32 } from './data/float32.js';
export { FeatureRows, fieldsOf, timeOf } from './data/feature-rows.js';
export type { Field, Keys } from './data/feature-rows.js';
export { status, statusNames } from './data/status.js';
export type { StatusName } from './data/status.js';
export { checkTensor, createTensorData, elementOf, wrongName } from './data/tensor.js';
export type { Datatype, Tensor, TensorData } from './data/tensor.js';
export type { Frame, FrameColumn, Scope } from './data/frame.js';

// Expressions over the columns of a row.
export { namesOf } from './expressions/expression.js';
export type { Expression, Kind } from './expressions/expression.js';
export { parseExpression } from './expressions/parse.js';
export { inferKinds } from './expressions/kinds.js';
export type { Kinds } from './expressions/kinds.js';
export { compileExpressions } from './expressions/evaluate.js';
export type { ExpressionRows } from './expressions/evaluate.js';
export { withColumns } from './expressions/sql.js';
export type { ExpressionSyntax, ExtendedTable, FloatSyntax } from './expressions/sql.js';
export { kindOfType, typesOfKind } from './expressions/vector.js';
export type { Vector } from './expressions/vector.js';

// Ports, for adapters and plugins.
export type {
  AdapterPort,
  CallersOwn,
  OperationSpec,
  PartLifecycle,
  PluginPort,
  Port,
  Tier,
} from './ports/port.js';
export { blobStore, checkBlobKey } from './ports/blob-store.js';
export type { BlobContent, BlobInfo, BlobStore, WriteCondition } from './ports/blob-store.js';
export { cache } from './ports/cache.js';
export type { Cache, CacheOptions } from './ports/cache.js';
export { httpClient } from './ports/http-client.js';
export type { ClientRequest, ClientResponse, HttpClient } from './ports/http-client.js';
export { cacheStore } from './ports/cache-store.js';
export type { CacheEntry, CacheStore } from './ports/cache-store.js';
export { featureSource } from './ports/feature-source.js';
export type { FeatureSource, FeatureSourceDescription, FeatureSpec } from './ports/feature-source.js';
export { httpServer } from './ports/http-server.js';
export type {
  HttpRequest,
  HttpRequestHead,
  HttpResponse,
  HttpRoute,
  HttpRouter,
  HttpServer,
} from './ports/http-server.js';
export { keyValueStore } from './ports/key-value-store.js';
export type { KeyValueEntry, KeyValueStore } from './ports/key-value-store.js';
export { logLevels, logSink } from './ports/log-sink.js';
export type { LogLevel, LogRecord, LogSink } from './ports/log-sink.js';
export { defaultAlias, modelRepository, repositoryOutages } from './ports/model-repository.js';
export type {
  AddVersionOptions,
  AliasChange,
  AliasEntry,
  AliasMove,
  AliasMoveKind,
  CollectedVersion,
  CollectOptions,
  ModelRepository,
  ModelVersion,
  TransferProgress,
  VerifyFinding,
  VerifyReport,
} from './ports/model-repository.js';
export { offlineStore } from './ports/offline-store.js';
export type {
  AsOfReader,
  ChangedPeriod,
  Materialized,
  MaterializeProgress,
  MaterializeRun,
  OfflineStore,
  SourceRead,
  SourceReport,
  Spine,
  SpineColumn,
} from './ports/offline-store.js';
export { onlineStore } from './ports/online-store.js';
export type { OnlineStore, OnlineView, StoredVersion } from './ports/online-store.js';
export { predictor } from './ports/predictor.js';
export type {
  DescribedModel,
  ModelIdentity,
  Prediction,
  Predictor,
  PredictorStatus,
} from './ports/predictor.js';
export { predictorRuntime } from './ports/predictor-runtime.js';
export type {
  ModelCheck,
  ModelCheckContext,
  ModelInspection,
  ModelTiming,
  PredictContext,
  PredictorInstance,
  PredictorRuntime,
} from './ports/predictor-runtime.js';
export { servedLog } from './ports/served-log.js';
export type {
  LogDays,
  LogFile,
  LogItem,
  LogKind,
  LogSource,
  LogRows,
  LogStream,
  LogWriter,
  RemovedRows,
  RowsToRemove,
  ServedLog,
} from './ports/served-log.js';
export { telemetry } from './ports/telemetry.js';
export type { Telemetry } from './ports/telemetry.js';
export { transform } from './ports/transform.js';
export type {
  ColumnsIn,
  ColumnsOut,
  Transform,
  TransformDescription,
  TransformInput,
  Reads,
  Writes,
} from './ports/transform.js';
export { transport } from './ports/transport.js';
export type { Planes, Transport } from './ports/transport.js';
export { carriedFields, warehouse } from './ports/warehouse.js';
export type {
  AsOfJoin,
  ConvertOptions,
  DaysOfRows,
  DescribedColumn,
  Dialect,
  FileFormat,
  ListRows,
  PickedRow,
  RowBatch,
  Source,
  Statement,
  TableRows,
  TemporaryTable,
  WantedColumn,
  Warehouse,
} from './ports/warehouse.js';
export { workspace } from './ports/workspace.js';
export type { StagedFile, Workspace } from './ports/workspace.js';

// Models and views.
export { bundleManifest, manifestDigest } from './models/bundle.js';
export { highestNumber } from './models/highest-number.js';
export { shapeText } from './models/shape.js';
export { checkSuccession, differenceOf } from './models/difference.js';
export type { FeaturesLock, LockedView } from './models/locked-view.js';
export type { Bundle, BundleManifest, InputSpec, Signature, TensorSpec } from './models/bundle.js';
export type { RowCondition, SourceRows, WhereValue } from './views/source-rows.js';
export type { Refresh } from './views/refresh.js';
export { whyNotUntil } from './views/run-end.js';
export {
  coveredUntil,
  emptyLedger,
  mergeLedgers,
  mergeRestatements,
  mergeSamples,
  parseLedger,
  sampleSize,
  type Ledger,
  type LedgerKey,
  type LedgerRun,
  type OpenRun,
  type SampledKey,
  type Stretch,
} from './views/ledger.js';
export { parsePeriod, periodText } from './views/run-periods.js';
export type { DaySpan } from './views/run-periods.js';
export { windowGrain, windowLength, windowSuffix, type Window } from './views/window.js';
export type { Aggregate, FeatureOrigin, FeatureView, ViewFeature } from './views/view.js';
export type { ViewSource } from './views/view-source.js';

// Steps, verbs and layers of your own; see docs/composition.md.
export {
  ContainerModule,
  inject,
  injectable,
  injectFromBase,
  named,
  optional as optionalService,
} from 'inversify';
export { describePlan } from './pipeline/plan.js';
export type { Plan, PlanColumn, PlanNode } from './pipeline/plan.js';
export { nodeLayer, runLayer } from './pipeline/layers.js';
export type { NodeLayer, RunLayer, RunNode, RunPipeline } from './pipeline/layers.js';
export type { NodeRun, Run } from './pipeline/run.js';
export { scopeOf } from './pipeline/step-compiler.js';
export type { StepCompiler } from './pipeline/step-compiler.js';
export {
  defineVerb,
  stepDefinition,
  stepNode,
  stepOptions,
  stepPlan,
  stepSlot,
} from './pipeline/step-definition.js';
export type {
  FailedReads,
  NodeDraft,
  NodeStep,
  Offline,
  StepDefinition,
  StepSummary,
  UsedPart,
} from './pipeline/step-definition.js';
export { ApplyTransform } from './steps/transform/apply-transform.js';
export { FetchFeatures } from './steps/fetch/fetch-features.js';
export { PredictRows } from './steps/predict/predict-rows.js';
export { RunCustom } from './steps/custom/run-custom.js';
export { defineStep } from './steps/custom/step.js';
export type { Step, StepClass, StepType } from './steps/custom/step.js';

// HTTP and JSON, for transports and servers.
export { admittedCall } from './json/admitted-call.js';
export { errorResponse, failureResponse } from './json/error-response.js';
export { readingRoutes, refusal, routeByMethod } from './json/refusal.js';
export type { RefusalOptions, RoutesByMethod } from './json/refusal.js';
export { uncachedJson } from './json/uncached-json.js';
export { valueReader, WrongValue, type ValueReader } from './json/json-values.js';
export { columnName, keyTypeName, typeName } from './views/schema.js';
export { deadlineMsOf, withinHeader } from './json/deadline-header.js';
export { pathSegment } from './json/path-segment.js';
export { checkAdmin, checkLoopback, reachedFromOthers } from './json/check-admin.js';
export { whyNotPushed } from './composition/feature-plane.js';
export type { CheckContext, PartSurroundings } from './parts/check-context.js';
export type { ErrorResponseOptions, FailedExchange } from './json/error-response.js';
export { callFrom, requestIdOf } from './json/call-from-headers.js';
export { recordExchange } from './json/record-exchange.js';
export type { EndedExchange } from './json/record-exchange.js';
export { HttpSpan } from './json/http-span.js';
export type { HttpExchangeFacts } from './json/http-span.js';
export { pipelineCodec } from './json/pipeline-codec.js';
export type { PipelineCodec } from './json/pipeline-codec.js';
export { eventTimeName, pushAnswer, pushCodec, pushResponseSchema } from './json/push-codec.js';
export type { PushCodec } from './json/push-codec.js';
export {
  degradedOf,
  readAnswerText,
  readKeys,
  readLimits,
  readRequest,
  readRequestSchema,
  readResponseSchema,
} from './json/read-codec.js';
export { readTensors } from './json/read-tensors.js';
export type { ReadTensors } from './json/read-tensors.js';
export type { ReadAnswer } from './json/read-codec.js';
export type { RequestLimits } from './json/request-limits.js';
export { exampleOf } from './json/example.js';
export type { ExampleOptions } from './json/example.js';
export type { JsonSchema } from './json/json-schema.js';
export { pipelineTensors } from './json/pipeline-tensors.js';
export type { OutputTensor, PipelineTensors } from './json/pipeline-tensors.js';
export type { DecodedRequest } from './json/request-decoder.js';

// Training sets.
export { logOf } from './offline/served-spine.js';
export type { PipelineLog } from './offline/served-spine.js';
export type { AsOfBlock, AsOfPhase } from './offline/as-of-run.js';
export { asOf, trainingParts } from './offline/as-of.js';
export type { TrainingSetOptions, TrainingSetProgress } from './offline/as-of.js';
export { buildTrainingSet } from './offline/training-set.js';
export type { TrainingSetColumn, TrainingSetManifest } from './offline/training-manifest.js';
export type { SpineInput } from './offline/spine.js';
export { parseSpine } from './config/yaml-file.js';

// What the command line does, for programs.
export { onlyPart, type WhichPart } from './composition/only-part.js';
export { pushModel } from './operations/push-model.js';
export type { PushedModel, PushModelOptions } from './operations/push-model.js';
export type { CheckStep, PassedCheck } from './operations/check-model.js';
export { promoteModel, rollbackModel } from './operations/model-aliases.js';
export type { MoveAliasOptions, MovedAlias } from './operations/model-aliases.js';
export { diffModels, listModels, showModel, verifyModels } from './operations/read-models.js';
export type { ListedModel, ModelChange, ModelDifference, ShownModel } from './operations/read-models.js';
export { pullModel, type PulledModel } from './operations/pull-model.js';
export {
  collectFeatures,
  type CollectedFeatures,
  type CollectFeaturesOptions,
} from './operations/collect-features.js';
export { collectModels, type CollectModelsOptions } from './operations/collect-models.js';
export {
  deleteFeatures,
  type DeletedFeatures,
  type DeleteFeaturesOptions,
} from './operations/delete-features.js';
export type { DeletedLog } from './operations/delete-logged.js';
export { repositoryAt } from './operations/repository-at.js';
export { modelSource, type ModelSource } from './operations/model-source.js';
export type { ModelOutput } from './operations/model-outputs.js';
export { remoteModelBundle } from './operations/remote-model.js';
export type { RemoteModelBundle, RemoteModelOptions } from './operations/remote-model.js';
export { benchCalls } from './operations/bench-calls.js';
export type { BenchReport } from './operations/bench-calls.js';
export type { OpenLoopOptions } from './operations/open-loop.js';
export { checkBackends } from './operations/check-backends.js';
export type { BackendTimes, CheckedBackend, LoadAnew } from './operations/check-backends.js';
export { checkViews } from './operations/check-views.js';
export { checkSignatures, type CheckedSignatures } from './operations/check-signatures.js';
export { estimateViews, materializeViews } from './operations/materialize-views.js';
export type {
  MaterializedView,
  MaterializeOptions,
  ViewEstimate,
  ViewProgress,
} from './operations/materialize-views.js';
export { getFeatures } from './operations/get-features.js';
export type { GetFeaturesOptions, GottenFeature, GottenRow } from './operations/get-features.js';
export { checkPushedColumns, pushedColumns, pushFeatures } from './operations/push-features.js';
export type {
  PushedColumn,
  PushedTable,
  PushFeaturesOptions,
  PushProgress,
  PushReport,
  RefusedRow,
} from './operations/push-features.js';
export { measureSkew } from './operations/measure-skew.js';
export type { NotCompared, SkewOptions, SkewReport } from './operations/measure-skew.js';
export type {
  ShownRow,
  SkewCauses,
  SkewExample,
  SkewOfFeature,
  SkewOfFetch,
} from './operations/skew-counts.js';
export { skewCauses, type SkewCause } from './offline/skew-cause.js';
export type { Boundary, RefreshFit } from './offline/refresh-fit.js';
export { showFeatures } from './operations/show-features.js';
export type { ShowFeaturesOptions, ShownFeature, ShownView } from './operations/show-features.js';
export type { NumberSummary, ValueSummary } from './operations/summary.js';
export type { ModelColumns } from './operations/model-columns.js';
export { withServer } from './operations/with-server.js';
export { configurationSchema, spineJsonSchema } from './operations/configuration-schema.js';
export type { OwnDefinitions } from './operations/configuration-schema.js';
export { ownDefinitions } from './operations/own-definitions.js';

// Times.
export {
  calendarDay,
  dayOf,
  durationText,
  formatInstant,
  formatMicros,
  formatMillis,
  instantOf,
  instantOfMillis,
  instantOfUtcText,
  microsPerDay,
  microsPerHour,
  microsPerMilli,
  microsPerSecond,
  millisOf,
  millisPerDay,
  readMoment,
  startOfDay,
  timeBounds,
} from './kernel/time.js';
export type { CalendarDay, Day, Instant, Moment } from './kernel/time.js';

// Small things.
export { textKey, TextKeys } from './kernel/text-keys.js';
export type { TextKey } from './kernel/text-keys.js';
export { SharedWork } from './kernel/shared-work.js';
export type { LoadKeys, SharedWorkOptions } from './kernel/shared-work.js';
export { amongDays } from './kernel/among-days.js';
export { canonicalJson } from './kernel/canonical-json.js';
export { disposeAll } from './kernel/dispose-all.js';
export { untilAborted } from './kernel/until-aborted.js';
