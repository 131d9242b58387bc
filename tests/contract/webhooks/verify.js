// Reads one delivery as JSON from standard input and says what it is, or ends with an error.
import { readFileSync } from "node:fs";
import { Webhook } from "standardwebhooks";

const { secret, headers, body } = JSON.parse(readFileSync(0, "utf8"));
const event = new Webhook(secret).verify(body, headers);
process.stdout.write(event.type);
