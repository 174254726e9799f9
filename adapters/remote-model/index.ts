export { remoteModel } from './remote-model.js';
