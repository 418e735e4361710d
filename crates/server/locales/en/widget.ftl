# $app is the app's display name, $provider a provider's. Both are names and stay as they are.
# A failure's text says what happened (.what) and what to do (.next) without the app's name, which may be unknown.

app-unnamed = your app
close = You can close this page now.

choose-title = Connect a device or app
choose-lead = Choose where your data comes from. You then log in there and decide what { $app } may see.
choose-search = Search by name
    .submit = Search
    .all = Show all
choose-found =
    { $count ->
        [one] { $count } result
       *[other] { $count } results
    }
choose-nothing = Nothing found for “{ $query }”. Check the spelling, or show the whole list.
choose-connected = Connected
choose-next = What happens next
    .login = You log in on the provider’s own page. { $app } never sees your password.
    .approve = You decide there which data { $app } may receive.
    .return = When you return, the connection is ready.
choose-cancel = Cancel

notice-connected = { $provider } is now connected.
notice-disconnected = { $provider } is no longer connected.
notice-still-connected = { $provider } could not be disconnected. Please try again in a few minutes.

connected-title = { $provider } is connected
connected-lead = { $app } can now receive the data you approved.
connected-left-out = Not shared
    .next = If you want to share this too, connect again and approve it.
    .again = Connect again
connected-proceed = Continue to { $app }
    .unnamed = Continue to your app
connected-another = Connect another

disconnect-title = Disconnect { $provider }?
disconnect-lead = { $app } will no longer receive new data from { $provider }.
    .kept = This does not delete what { $app } has already received.
disconnect-submit = Disconnect
    .label = Disconnect { $provider }
disconnect-keep = Stay connected

callback-title = This page is part of a login
callback-lead = A provider opens it after you log in there.
    .next = There is nothing to do here now. To connect a device or app, start in your app.

failed-cancelled = You cancelled
    .what = Nothing was connected and no data was shared.
    .next = You can start again from the app whenever you like.
failed-denied = { $provider } was not connected
    .what = You did not allow access at { $provider }, so no data was shared.
    .next = If that was not what you wanted, try again and allow access at { $provider }.
failed-left-out = { $provider } was not connected
    .what = The app needs data that you did not allow at { $provider }. Nothing was connected.
    .next = Try again, and allow everything in this list at { $provider }.
failed-expired = This page has expired
    .what = For your security, the link to this page works for a short time only.
    .next = Go back to the app and start again there.
failed-already-used = This link has already been used
    .what = A link works only once.
    .next = Go back to the app and check your connections. If one is missing, start again there.
failed-unknown-session = This link does not work
    .what = The link is incomplete, mistyped or no longer exists.
    .next = Open the app again and start from there.
failed-cap-reached = No new connections at the moment
    .what = The app has reached its limit of connected users. Nothing was connected.
    .next = Let the app’s support team know, and try again later.
failed-provider-down = { $provider } is not responding
    .what = The connection could not be completed because { $provider } did not respond as expected.
    .next = Wait a few minutes, then try again.
failed-wrong-browser = Please use one browser from start to finish
    .what = We could not confirm that this login was started in this browser.
    .next = Go back to the app and check your connections. If one is missing, start again there in one browser, with cookies allowed.
failed-phone-only = { $provider } is connected on your phone
    .what = { $provider } keeps its data on your phone and has no website to log in to.
    .next = Open the app on your phone and connect { $provider } there.
failed-no-provider = Nothing to connect yet
    .what = No device or app can be connected with this link at the moment.
    .next = Go back to the app and ask its support team for help.
failed-internal = Something went wrong
    .what = The fault is on our side, not yours.
    .next = Try again in a few minutes. If it still does not work, contact the app’s support team.
failed-trace = Reference for support:
failed-open-app = Open the app
failed-try-again = Try again
failed-return = Return to { $app }
    .unnamed = Return to your app
