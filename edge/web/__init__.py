"""The store's web: HTTP and WebSocket doors over one small port, and the pages that people see.

ports      Door: what the web asks of the store; the runtime stands behind it
app        routes, headers, metrics and the server, put together
till phone kiosk screen console demo   a door and its routes each, by who stands in front of it
floor_edit survey          the floor editor's doors; the surveyor's, with the phone page at /survey
views floor floor_views survey_views    what pages are told, as typed values
bodies refusals described   bounded reading, one form of refusal, the OpenAPI document
channels sockets who is told that something is newer, over WebSockets; newest wins
files pages/     plain ES modules, shipped as they are, usable offline
"""
