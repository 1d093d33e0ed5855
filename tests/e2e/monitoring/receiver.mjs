// receiver.mjs FILE: what Alertmanager notifies. Prints its port, and appends one line for each alert of each
// notification to FILE: the receiver's name, "firing" or "resolved", and the alert's name. An alert whose texts are
// missing or could not be filled in has the receiver "broken".

import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';
import process from 'node:process';

const file = process.argv[2];

const whole = ({ labels, annotations }) => ['summary', 'description'].every((name) => /^[^<{]+$/.test(annotations[name] ?? '')) &&
  (annotations.runbook_url ?? '').endsWith(`/runbooks/${labels.alertname}.md`);

const server = createServer((request, response) => {
  let text = '';
  request.on('data', (chunk) => { text += chunk; });
  request.on('end', () => {
    const notification = JSON.parse(text);
    for (const alert of notification.alerts) {
      appendFileSync(file, `${whole(alert) ? notification.receiver : 'broken'} ${alert.status} ${alert.labels.alertname}\n`);
    }
    response.end();
  });
});
server.listen(0, '127.0.0.1', () => { console.log(server.address().port); });
process.on('SIGTERM', () => process.exit(0));
