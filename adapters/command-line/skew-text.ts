import {
  durationText,
  formatInstant,
  skewCauses,
  type RefreshFit,
  type SkewCauses,
  type SkewExample,
  type SkewReport,
} from 'vivace';
import { count } from './progress.js';
import { tableText } from './table-text.js';

/** A report for people: a table, some rows that nothing explains, and what there is to say of `refresh`. */
export function skewText(report: SkewReport): readonly string[] {
  const { pipeline, from, to, rows, compared, mismatches, fetches, notCompared, refresh } = report;
  const lines = fetches.flatMap(({ fetch, features, ...all }) => [
    [fetch, count(all.rows), count(all.mismatches), '', '', causesText(all.causes)],
    ...features.map(({ name, error, ...of }) => [
      `  ${name}`,
      count(of.rows),
      count(of.mismatches),
      ...(error === undefined ? ['', ''] : [error.p50, error.p99].map((value) => value.toPrecision(3))),
      causesText(of.causes),
    ]),
  ]);
  return [
    `${pipeline}: ${count(rows)} logged rows from ${from} to ${to}; ${count(mismatches)} of ${count(compared)} fetched rows differ`,
    ...tableText([['fetch', 'rows', 'differ', 'error p50', 'error p99', 'causes'], ...lines]),
    ...notCompared.map(({ fetch, why }) => `${fetch}: not compared: ${why}`),
    ...fetches.flatMap(({ fetch, examples }) =>
      examples.filter(({ cause }) => cause === 'unexplained').map((each) => `${fetch}: ${exampleText(each)}`),
    ),
    ...Object.entries(refresh).flatMap(([view, fit]) => refreshText(view, fit)),
  ];
}

function causesText(causes: SkewCauses): string {
  return skewCauses
    .filter((cause) => causes[cause] !== undefined)
    .map((cause) => `${cause} ${count(causes[cause]!)}`)
    .join(', ');
}

function exampleText({ cause, requestId, index, time, served, recomputed, values }: SkewExample): string {
  const isSameMoment = served.eventTime === recomputed.eventTime;
  const rows = [served, recomputed].map(({ status, eventTime, availableTime }) =>
    eventTime === undefined
      ? status
      : `${status} of ${eventTime}${isSameMoment && served.availableTime !== recomputed.availableTime ? ` known ${availableTime!}` : ''}`,
  );
  const cells = Object.entries(values).map(
    ([name, cell]) => `${name} ${JSON.stringify(cell.served)}, not ${JSON.stringify(cell.recomputed)}`,
  );
  return `${cause}: request ${requestId}, object ${index}, at ${time}: served ${rows[0]!}, computed ${rows[1]!}${cells.length === 0 ? '; the values are the same' : `: ${cells.join('; ')}`}`;
}

/** How the last runs of `materialize` fit what a view says of them. */
function refreshText(
  view: string,
  { declared, runs, boundaries, holds, set, missed }: RefreshFit,
): readonly string[] {
  if (holds === undefined)
    return [
      `${view}: its ledger has ${runs === 0 ? 'no runs' : `only ${runs} ${runs === 1 ? 'run' : 'runs'}`} of materialize, too few to compare with \`refresh\``,
    ];
  const ends = boundaries.map(({ due, endedAt, lateMs }) => [
    `  due ${formatInstant(due) ?? ''}`,
    `ended ${formatInstant(endedAt) ?? ''}`,
    `${durationText(lateMs)} later`,
  ]);
  const wanted = set === undefined ? '' : `: set refresh: ${refreshYaml(set)}`;
  const says = declared === undefined ? 'has no `refresh`' : `refresh: ${refreshYaml(declared)}`;
  const judged = holds
    ? `${says} holds: every run of the last ${runs} ended in time`
    : `${says}${declared === undefined ? ', but runs of materialize keep it up' : ' does not hold'}${wanted}`;
  return [
    `${view}: ${judged}`,
    ...tableText(ends),
    ...(missed === 0
      ? []
      : [
          `  ${missed} ${missed === 1 ? 'run' : 'runs'} did not come before the next one was due, which no value covers`,
        ]),
  ];
}

function refreshYaml({ everyMs, offsetMs, delayMs }: NonNullable<RefreshFit['declared']>): string {
  const keys = [
    ...(everyMs === undefined ? [] : [`everyMs: ${everyMs}`]),
    ...(offsetMs === 0 ? [] : [`offsetMs: ${offsetMs}`]),
    ...(delayMs === 0 ? [] : [`delayMs: ${delayMs}`]),
  ];
  return `{ ${keys.join(', ')} }`;
}
