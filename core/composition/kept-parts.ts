import { httpServer } from '../ports/http-server.js';
import { telemetry } from '../ports/telemetry.js';
import { transport } from '../ports/transport.js';
import { slotPort } from '../parts/definition.js';
import type { ResolvedPart } from './parts.js';

type Parts = ReadonlyMap<string, ResolvedPart>;

/**
 * The names of parts that a server can take over from another one as they run: the same name, definition, options, files and slots, with all
 * that is in the slots.
 *
 * Transports are not among them, since each serves one server, nor is anything else that mounts routers. Where telemetry changes, nothing is,
 * because the instruments of a part belong to the providers that were there when it began.
 */
export function keptParts(parts: Parts, former: Parts): ReadonlySet<string> {
  const known = new Map<string, boolean>();
  const isKept = (name: string): boolean => {
    let kept = known.get(name);
    if (kept === undefined) {
      const part = parts.get(name)!;
      const before = former.get(name);
      kept = before !== undefined && isSame(part, before) && Object.values(part.slots).every(isKept);
      known.set(name, kept);
    }
    return kept;
  };
  const telemetries = (of: Parts): readonly string[] =>
    [...of.values()]
      .filter(({ definition }) => definition.provides.includes(telemetry))
      .map(({ name }) => name);
  const all = new Set([...telemetries(parts), ...telemetries(former)]);
  if (![...all].every((name) => parts.has(name) && isKept(name))) return new Set();
  return new Set([...parts.keys()].filter(isKept));
}

function isSame(part: ResolvedPart, former: ResolvedPart): boolean {
  const { definition, options, slots, files } = part;
  if (definition !== former.definition || definition.provides.includes(transport)) return false;
  const mounts = Object.keys(slots).some((slot) => slotPort(definition.uses[slot]!).port === httpServer);
  return (
    !mounts &&
    isEqual(options, former.options) &&
    isEqual(slots, former.slots) &&
    isEqual(files, former.files)
  );
}

/** Equal as options are: plain values by what they hold, everything else, such as a client or a function, as the same object. */
function isEqual(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  if (Object.getPrototypeOf(one) !== Object.getPrototypeOf(other)) return false;
  if (!Array.isArray(one) && !isPlain(one)) return false;
  const keys = Object.keys(one);
  return (
    keys.length === Object.keys(other).length &&
    keys.every(
      (key) =>
        Object.hasOwn(other, key) &&
        isEqual((one as Record<string, unknown>)[key], (other as Record<string, unknown>)[key]),
    )
  );
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
