# SPDX-License-Identifier: Apache-2.0
"""routes.py URL: the emulator's routes against Google's discovery document, both ways, by calling each."""
import importlib.resources
import json
import re
import sys
import urllib.error
import urllib.request

URL = sys.argv[1]
# Named here once more, so that nothing becomes absent without somebody meaning it.
ABSENT = {f"{kind}.{verb}" for kind in ("topics", "subscriptions", "snapshots", "schemas")
          for verb in ("getIamPolicy", "setIamPolicy")}
ABSENT |= {"subscriptions.modifyPushConfig"}
ABSENT |= {f"schemas.{verb}" for verb in ("create", "get", "list", "delete", "commit", "rollback", "validate",
                                          "validateMessage", "deleteRevision", "listRevisions", "testIamPermissions")}


def call(method, path, body):
    request = urllib.request.Request(f"{URL}/{path}", body, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def methods(resources, prefix=""):
    for kind, resource in resources.items():
        for verb, method in resource.get("methods", {}).items():
            yield f"{prefix}{kind}.{verb}", method
        yield from methods(resource.get("resources", {}), f"{prefix}{kind}.")


document = importlib.resources.files("googleapiclient.discovery_cache") / "documents" / "pubsub.v1.json"
discovered = dict(methods(json.loads(document.read_text())["resources"]["projects"]["resources"]))
routes = {route["name"]: route for route in call("GET", "admin/routes", None)[1]["routes"]}
wrong = []
for name, method in sorted(discovered.items()):
    path = re.sub(r"\{[a-zA-Z]+\}", "some-name", method["flatPath"])
    status, body = call(method["httpMethod"], path, b"{}" if method["httpMethod"] in ("POST", "PUT", "PATCH") else None)
    message = body.get("error", {}).get("message", "")
    if message == "Method not found.":
        wrong.append(f"{name}: {method['httpMethod']} {path} has no route")
    elif name not in routes:
        wrong.append(f"{name}: is served by a route of another name")
    elif (status == 501) != (name in ABSENT):
        wrong.append(f"{name}: answers {status}, but is {'' if name in ABSENT else 'not '}listed as absent")
    elif status == 501 and body["error"]["status"] != "UNIMPLEMENTED":
        wrong.append(f"{name}: 501 without UNIMPLEMENTED")
wrong += [f"{name}: is no method of Google's" for name in sorted(set(routes) - set(discovered))]
print("\n".join(wrong) or f"{len(discovered)} methods: {len(discovered) - len(ABSENT)} served, {len(ABSENT)} absent")
sys.exit(1 if wrong or len(discovered) < 40 else 0)
