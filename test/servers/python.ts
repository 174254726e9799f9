import { vendored } from './programs.js';

/** A Python with numpy, pandas, scikit-learn, LightGBM and XGBoost. */
export const python = vendored('python/bin/python');
