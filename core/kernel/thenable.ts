/**
 * True for a promise of any library. As `await` does, it recognises a promise by its `then`: an object that only has that method is not a
 * `Promise`, and neither is a promise of another realm. `Promise.resolve` makes a `Promise` of either.
 */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    ((typeof value === 'object' && value !== null) || typeof value === 'function') &&
    typeof (value as { readonly then?: unknown }).then === 'function'
  );
}
