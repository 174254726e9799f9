import { openssl } from '../servers/certificates.js';
import { defineFaults } from '../servers/faults.js';
import { describeNeeding, program } from '../servers/programs.js';
import { redisPrograms } from '../servers/redis-server.js';
import { cleanUpRedis, prepareRedis, redisFaults } from './redis.js';

describeNeeding([...redisPrograms, openssl, program('prlimit'), program('bash')], 'redis', () => {
  before(prepareRedis);
  after(cleanUpRedis);
  defineFaults(redisFaults);
});
