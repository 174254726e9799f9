/** What the command line reads from and writes to; `process` in the binary, something else in a test. */
export interface Terminal {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly stdin: AsyncIterable<Uint8Array | string> & { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Relative paths are resolved against it. */
  readonly directory: string;
  /** Aborts when the user interrupts: `serve` then stops in good order, every other command gives up. */
  readonly signal: AbortSignal;
  /**
   * Called when `signal` has aborted: the command ends within that many milliseconds, unless JavaScript or a native library keeps its
   * thread busy.
   */
  readonly leaving?: (withinMs: number) => void;
}

export interface Output {
  write(text: string): unknown;
  /** Whether people look at it: progress bars and indented JSON are for them. */
  readonly isTTY?: boolean;
  readonly columns?: number;
}
