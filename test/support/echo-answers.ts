/** The path at which the rest API runs the pipeline `echo`. */
export const predict = '/v1/pipelines/echo/predict';

/** What it answers: a mistake, or its outputs. */
export interface ErrorBody {
  readonly code: string;
  readonly message: string;
  readonly path?: string;
  readonly details?: readonly { readonly path: string; readonly message: string }[];
  readonly requestId?: string;
  /** What the echo pipeline got. */
  readonly outputs?: { readonly text: string | null; readonly numbers: readonly number[] | null };
}
