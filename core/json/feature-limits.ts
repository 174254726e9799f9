/** Features of one read. */
export const mostFeatures = 1000;
/** Rows of one push or read. */
export const mostFeatureRows = 10_000;
