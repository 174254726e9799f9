/**
 * True for a promise of any library, which is recognised by its `then` as `await` does: an object that only has that method is not
 * a `Promise`, and neither is a promise of another realm. `Promise.resolve` makes a `Promise` of it.
 */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    ((typeof value === 'object' && value !== null) || typeof value === 'function') &&
    typeof (value as { readonly then?: unknown }).then === 'function'
  );
}
