export { offlineStore } from './offline-store.js';
