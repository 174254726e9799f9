import type { Server } from '../composition/server-interface.js';
import { cellAt } from '../data/column.js';
import { status, statusNames, type StatusName } from '../data/status.js';
import { jsonValue } from '../json/json-values.js';
import { readKeys } from '../json/read-codec.js';
import { Call, type CallContext } from '../kernel/call.js';
import { formatInstant, millisOf } from '../kernel/time.js';
import { featureAccess } from './feature-access.js';
import { volatileStore } from './push-features.js';

/** Which rows of a view to get. */
export interface GetFeaturesOptions {
  readonly view: string;
  /** A list of values for each key of the view, all of one length. */
  readonly keys: Readonly<Record<string, readonly unknown[]>>;
}

/** A value of a row as it is served, and why it is that. */
export interface GottenFeature {
  readonly name: string;
  /** As JSON has it; null where there is none. */
  readonly value: unknown;
  readonly status: StatusName;
  readonly default?: number | string | boolean;
  readonly unit?: string;
}

/** A row of a view as its store has it now. */
export interface GottenRow {
  readonly key: Readonly<Record<string, unknown>>;
  readonly status: StatusName;
  /** RFC 3339; absent where there is no row, or its view is static. */
  readonly eventTime?: string;
  readonly availableTime?: string;
  /** How old the event time is, milliseconds. */
  readonly ageMs?: number;
  readonly features: readonly GottenFeature[];
}

/**
 * Gets rows of a view from its online store, as a pipeline with the default policies sees them now.
 *
 * A new server starts the store; a server that has started is used as it is. In both cases the caller stops it.
 *
 * @throws {VivaceError} `NOT_FOUND` where there is no such view, `INVALID_ARGUMENT` with the path `keys.sku` where a key is missing or wrong,
 *   and where only another process has the rows, and the outage where the store cannot be read.
 */
export async function getFeatures(
  server: Server,
  { view: name, keys }: GetFeaturesOptions,
  context: CallContext,
): Promise<readonly GottenRow[]> {
  const own = server.control.state === 'created';
  const { view, plane, volatile } = await featureAccess(server, name, { context });
  if (own && volatile) throw volatileStore(view, 'there is nothing to get');
  const description = plane.describeRead([name]);
  const input = readKeys(description, { ...keys });
  const call = new Call({ requestId: 'get', signal: context.signal, deadline: context.deadline });
  const { features, views, time } = await plane.read([name], input, call);
  const [rows] = views;
  return Array.from({ length: input.rows }, (_, row) => {
    const code = rows!.status[row]!;
    const isThere = code === status.PRESENT || code === status.STALE;
    const eventTime = rows!.eventTime[row]!;
    return {
      key: Object.fromEntries(
        view.entity.map((key, i) => [key.name, jsonValue(cellAt(input.keys[i]!, row), input.keys[i]!)]),
      ),
      status: statusNames[code]!,
      ...(isThere && !view.isStatic
        ? {
            eventTime: formatInstant(eventTime)!,
            availableTime: formatInstant(rows!.availableTime[row]!)!,
            ageMs: millisOf(time - eventTime),
          }
        : {}),
      features: features.map((column, i) => {
        const { name: feature, default: fallback, unit } = view.features[i]!;
        return {
          name: feature,
          value: jsonValue(cellAt(column, row), column),
          status: statusNames[column.status?.[row] ?? status.PRESENT]!,
          ...(fallback === undefined ? {} : { default: fallback }),
          ...(unit === undefined ? {} : { unit }),
        };
      }),
    };
  });
}
