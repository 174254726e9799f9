/** The greatest number that rounds to a finite float32; 3.4028235e38, as float32's own maximum is often written, is just below it. */
export const largestFloat32 = 3.4028235677973362e38;

/** Whether a number can be a float32, rounded where need be: NaN and the infinities can, a finite number that would become infinite cannot. */
export function fitsFloat32(value: number): boolean {
  return Math.abs(value) <= largestFloat32 || !Number.isFinite(value);
}
