/** How often a property is tried: `usual` times, or as often as `FUZZ_RUNS` says where a long run asks for more. */
export function fuzzRuns(usual: number): number {
  return Number(process.env['FUZZ_RUNS'] ?? usual);
}
