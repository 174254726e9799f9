export { onlineStore } from './online-store.js';
