import type { Statement } from 'vivace';
import type { BigqueryOptions } from './bigquery.js';
import type { DatasetReference } from './rest-types.js';

/** What every job is given: its labels. */
export function jobLabels({ labels }: Pick<BigqueryOptions, 'labels'>): object {
  return Object.keys(labels).length === 0 ? {} : { labels };
}

/** A query as a job's configuration. @param project The project of datasets that are named without one. */
export function queryConfiguration(
  { sql, parameters = {} }: Statement,
  options: BigqueryOptions,
  project: string,
): object {
  const { maximumBytesBilled, dataset } = options;
  const given = Object.entries(parameters);
  return {
    ...jobLabels(options),
    query: {
      query: sql,
      useLegacySql: false,
      ...(dataset === undefined ? {} : { defaultDataset: datasetReference(dataset, project) }),
      ...(maximumBytesBilled === undefined ? {} : { maximumBytesBilled: String(maximumBytesBilled) }),
      ...(given.length === 0
        ? {}
        : {
            parameterMode: 'NAMED',
            queryParameters: given.map(([name, value]) => ({ name, ...parameterOf(value) })),
          }),
    },
  };
}

/** `dataset` or `project.dataset`. */
export function datasetReference(name: string, project: string): DatasetReference {
  const dot = name.lastIndexOf('.');
  return dot < 0
    ? { projectId: project, datasetId: name }
    : { projectId: name.slice(0, dot), datasetId: name.slice(dot + 1) };
}

function parameterOf(value: string | number | boolean): object {
  const type =
    typeof value === 'string'
      ? 'STRING'
      : typeof value === 'boolean'
        ? 'BOOL'
        : Number.isSafeInteger(value)
          ? 'INT64'
          : 'FLOAT64';
  return { parameterType: { type }, parameterValue: { value: String(value) } };
}
