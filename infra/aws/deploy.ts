import { createAlarms } from "./alarms.ts";
import { createApi } from "./api.ts";
import { createAuthorities } from "./authorities.ts";
import { concurrencyOf, newAccountExecutions } from "./concurrency.ts";
import { createDeadLetters } from "./dead-letters.ts";
import { createGatewayRole } from "./gateways.ts";
import { installationHere } from "./installation.ts";
import { createReports } from "./reports.ts";
import { createSchedules } from "./schedules.ts";
import { createSweep } from "./sweep.ts";
import { createTables } from "./table.ts";

/** Everything that an installation consists of. Gives what its administrator needs to know. */
export const deploy = () => {
  const here = installationHere();
  const concurrency = concurrencyOf(Number(process.env["LAMBDA_CONCURRENCY"] ?? newAccountExecutions));
  const isProduction = $app.stage === "production";
  const tables = createTables(here.prefix, { isProduction });
  const { http, api } = createApi(here);
  const authorities = createAuthorities(here, api, { isProduction });
  const gatewayRole = createGatewayRole(here, api);
  const reports = createReports(here, gatewayRole, concurrency.reports);
  const schedules = createSchedules(here);
  createDeadLetters(here, gatewayRole, [reports.dead, schedules.dead], concurrency.deadLetters);
  createSweep(here);
  const alarms = createAlarms(here.prefix);
  return {
    api: http.url,
    authorities: authorities.name,
    table: tables.state.name,
    queuePrefix: here.prefix,
    alarms: alarms.arn,
  };
};
