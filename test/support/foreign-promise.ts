/** A promise of another library: it has a `then`, and is no `Promise`. */
export class ForeignPromise<T> implements PromiseLike<T> {
  readonly #promise: Promise<T>;

  constructor(promise: Promise<T>) {
    this.#promise = promise;
  }

  // oxlint-disable-next-line unicorn/no-thenable -- it stands for libraries that do
  then<A = T, B = never>(
    fulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#promise.then(fulfilled, rejected);
  }
}
