/** The test runner's functions, passed in, so that a contract runs under mocha, node:test, vitest and others. */
export interface Runner {
  readonly describe: (title: string, body: () => void) => void;
  readonly it: (title: string, body: () => void | Promise<void>) => void;
  readonly beforeEach: (body: () => void | Promise<void>) => void;
  readonly afterEach: (body: () => void | Promise<void>) => void;
}

/** What a contract needs to know of the part it tests. */
export interface ContractSetup<T> {
  readonly runner: Runner;
  /** Makes a part, fresh and empty, not started. */
  readonly make: () => T | Promise<T>;
}
