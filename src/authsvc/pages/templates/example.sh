AUTHSVC=http://localhost:8000

curl "$AUTHSVC/register" -H 'Content-Type: application/json' \
  -d '{"username": "ada", "password": "nine purple kettles sing"}'

curl "$AUTHSVC/login" -H 'Content-Type: application/json' \
  -d '{"username": "ada", "password": "nine purple kettles sing"}'

TOKEN=...  # the access_token of that answer
curl "$AUTHSVC/user" -H "Authorization: Bearer $TOKEN"
