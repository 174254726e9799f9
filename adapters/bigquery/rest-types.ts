import type { Reason } from './errors.js';
import type { SchemaField, WireRow } from './read-rows.js';

/** A job, as far as the adapter reads it. @see https://cloud.google.com/bigquery/docs/reference/rest/v2/Job */
export interface Job {
  readonly jobReference: { readonly jobId: string; readonly location?: string };
  readonly status?: { readonly state: string; readonly errorResult?: Reason };
  readonly statistics?: {
    readonly totalBytesProcessed?: string;
    readonly query?: {
      readonly totalBytesProcessed?: string;
      readonly schema?: { readonly fields?: readonly SchemaField[] };
    };
    readonly load?: { readonly outputRows?: string };
  };
}

/** An answer of `jobs.getQueryResults`. */
export interface Results {
  readonly jobComplete?: boolean;
  readonly schema?: { readonly fields?: readonly SchemaField[] };
  readonly rows?: readonly WireRow[];
  readonly totalRows?: string;
  readonly pageToken?: string;
}

/** Some rows of a query's answer. */
export interface Page {
  readonly schema: readonly SchemaField[];
  readonly rows: readonly WireRow[];
}

/** Where a dataset is, as the API names it. */
export interface DatasetReference {
  readonly projectId: string;
  readonly datasetId: string;
}

/** Where a table is, as the API names it. */
export interface TableReference extends DatasetReference {
  readonly tableId: string;
}
