import { VivaceError } from '../kernel/errors.js';
import type { BundleManifest, TensorSpec } from './bundle.js';

type Versioned = Pick<BundleManifest, 'signature' | 'featuresLock'>;
type Columned = TensorSpec & { readonly columns?: readonly string[] | undefined };

/**
 * What keeps a version from taking the place of another under a running pipeline: other tensors, other columns, or views that the other was not
 * trained on.
 *
 * @param options.was How a message names the version whose place it is; default "the serving version".
 * @param options.strictContract Whether rows of these views that are read in another way keep it out too.
 * @returns A sentence about the next version, which is its subject as "it"; `undefined` where nothing does.
 */
export function differenceOf(
  serving: Versioned,
  next: Versioned,
  {
    was: place = 'the serving version',
    strictContract = false,
  }: { readonly was?: string; readonly strictContract?: boolean } = {},
): string | undefined {
  const [was, is] = [serving.signature, next.signature];
  if (was.over !== is.over) return `it predicts over ${is.over}, but ${place} over ${was.over}`;
  return (
    differentTensors('input', [was.inputs, is.inputs], place) ??
    differentTensors('output', [was.outputs, is.outputs], place) ??
    differentLock(serving.featuresLock, next.featuresLock, place) ??
    (strictContract ? differentContract(serving.featuresLock, next.featuresLock, place) : undefined)
  );
}

/**
 * Refuses a version that servers which follow an alias would refuse.
 *
 * @param serving The version that the alias has.
 * @param options.who How the message names the next version.
 * @param options.instead What to do about it, as the end of the message.
 * @throws {VivaceError} `FAILED_PRECONDITION`.
 */
export function checkSuccession(
  serving: BundleManifest,
  next: Versioned,
  { alias, who, instead }: { readonly alias: string; readonly who: string; readonly instead: string },
): void {
  const different = differenceOf(serving, next, { was: serving.version });
  if (different === undefined) return;
  throw new VivaceError(
    'FAILED_PRECONDITION',
    `${who} cannot take the place of ${serving.version} under ${alias}: ${different}; servers that follow the alias would refuse it until they start anew with a configuration that fits: ${instead}`,
  );
}

/** A server has checked the lock of the version that it serves against its views; it has not seen the lock of any other version. */
function differentLock(
  was: Versioned['featuresLock'] = {},
  is: Versioned['featuresLock'] = {},
  place: string,
): string | undefined {
  const known = Object.values(was).map(({ hash }) => hash);
  const other = Object.entries(is).find(([, { hash }]) => !known.includes(hash));
  return other && `it was trained on view "${other[0]}" ${other[1].hash}, which ${place} does not know`;
}

function differentContract(
  was: Versioned['featuresLock'] = {},
  is: Versioned['featuresLock'] = {},
  place: string,
): string | undefined {
  const known = Object.values(was).map(({ contract }) => contract);
  const other = Object.entries(is).find(([, { contract }]) => !known.includes(contract));
  return (
    other &&
    `it was trained on rows of view "${other[0]}" that are read in another way than those of ${place} (defaults, max age, refresh or policies)`
  );
}

function differentTensors(
  side: string,
  [serving, next]: readonly [readonly Columned[], readonly Columned[]],
  place: string,
): string | undefined {
  const said = (specs: readonly TensorSpec[]): string => specs.map(({ name }) => name).join(', ');
  if (said(serving) !== said(next))
    return `its ${side}s are ${said(next)}, but those of ${place} are ${said(serving)}`;
  for (const [i, was] of serving.entries()) {
    const is = next[i]!;
    const [before, after] = [was, is].map((spec) => `${spec.datatype} [${spec.shape.join(', ')}]`);
    if (before !== after) return `its ${side} "${is.name}" is ${after}, but that of ${place} is ${before}`;
    if (JSON.stringify(was.columns) !== JSON.stringify(is.columns))
      return `its ${side} "${is.name}" is filled from other columns than that of ${place}`;
  }
  return undefined;
}
