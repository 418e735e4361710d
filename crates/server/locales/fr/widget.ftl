app-unnamed = votre app
close = Vous pouvez maintenant fermer cette page.

choose-title = Connecter un appareil ou une application
choose-lead = Choisissez d’où viennent vos données. Vous vous y connecterez ensuite pour décider de ce que { $app } peut voir.
choose-search = Rechercher par nom
    .submit = Rechercher
    .all = Tout afficher
choose-found =
    { $count ->
        [one] { $count } résultat
       *[other] { $count } résultats
    }
choose-nothing = Aucun résultat pour « { $query } ». Vérifiez l’orthographe ou affichez toute la liste.
choose-connected = Connecté
choose-next = La suite
    .login = Vous vous identifiez sur la page du fournisseur. { $app } ne voit jamais votre mot de passe.
    .approve = Vous y décidez quelles données { $app } peut recevoir.
    .return = À votre retour, la connexion est prête.
choose-cancel = Annuler

notice-connected = { $provider } est maintenant connecté.
notice-disconnected = { $provider } n’est plus connecté.
notice-still-connected = Impossible de déconnecter { $provider }. Veuillez réessayer dans quelques minutes.

connected-title = { $provider } est connecté
connected-lead = { $app } peut maintenant recevoir les données que vous avez autorisées.
connected-left-out = Non partagé
    .next = Pour partager aussi ces données, connectez-vous à nouveau et autorisez-les.
    .again = Se connecter à nouveau
connected-proceed = Continuer vers { $app }
    .unnamed = Continuer vers votre app
connected-another = Connecter autre chose

disconnect-title = Déconnecter { $provider } ?
disconnect-lead = { $app } ne recevra plus de nouvelles données de la part de { $provider }.
    .kept = Les données que { $app } a déjà reçues ne sont pas supprimées pour autant.
disconnect-submit = Déconnecter
    .label = Déconnecter { $provider }
disconnect-keep = Rester connecté

callback-title = Cette page fait partie d’une connexion
callback-lead = Un fournisseur l’ouvre une fois que vous vous êtes connecté chez lui.
    .next = Il n’y a rien à faire ici pour le moment. Pour connecter un appareil ou une application, commencez dans votre application.

failed-cancelled = Vous avez annulé
    .what = Rien n’a été connecté et aucune donnée n’a été partagée.
    .next = Vous pouvez recommencer depuis l’application quand vous le souhaitez.
failed-denied = { $provider } n’a pas été connecté
    .what = Vous n’avez pas autorisé l’accès chez { $provider }. Aucune donnée n’a été partagée.
    .next = Si ce n’était pas votre intention, réessayez et autorisez l’accès chez { $provider }.
failed-left-out = { $provider } n’a pas été connecté
    .what = L’application a besoin de données que vous n’avez pas autorisées chez { $provider }. Rien n’a été connecté.
    .next = Réessayez et autorisez chez { $provider } tout ce qui figure dans cette liste.
failed-expired = Cette page a expiré
    .what = Pour votre sécurité, le lien vers cette page n’est valable que peu de temps.
    .next = Retournez dans l’application et recommencez à partir de là.
failed-already-used = Ce lien a déjà été utilisé
    .what = Un lien ne sert qu’une fois.
    .next = Retournez dans l’application et vérifiez vos connexions. S’il en manque une, recommencez à partir de là.
failed-unknown-session = Ce lien ne fonctionne pas
    .what = Le lien est incomplet, mal saisi ou n’existe plus.
    .next = Ouvrez de nouveau l’application et recommencez à partir de là.
failed-cap-reached = Pas de nouvelle connexion pour le moment
    .what = L’application a atteint son nombre maximal d’utilisateurs connectés. Rien n’a été connecté.
    .next = Prévenez l’assistance de l’application et réessayez plus tard.
failed-provider-down = { $provider } ne répond pas
    .what = La connexion n’a pas pu aboutir, car { $provider } n’a pas répondu comme prévu.
    .next = Patientez quelques minutes, puis réessayez.
failed-wrong-browser = Utilisez un seul navigateur du début à la fin
    .what = Nous n’avons pas pu confirmer que cette connexion a commencé dans ce navigateur.
    .next = Retournez dans l’application et vérifiez vos connexions. S’il en manque une, recommencez à partir de là dans un seul navigateur, en acceptant les cookies.
failed-phone-only = { $provider } se connecte sur votre téléphone
    .what = { $provider } garde vos données sur votre téléphone et n’a pas de site où s’identifier.
    .next = Ouvrez l’application sur votre téléphone et connectez-y { $provider }.
failed-no-provider = Rien à connecter pour l’instant
    .what = Ce lien ne permet de connecter aucun appareil ni aucune application pour le moment.
    .next = Retournez dans l’application et demandez de l’aide à son assistance.
failed-internal = Une erreur s’est produite
    .what = Le problème vient de chez nous, pas de vous.
    .next = Réessayez dans quelques minutes. Si le problème persiste, contactez l’assistance de l’application.
failed-trace = Référence pour l’assistance :
failed-open-app = Ouvrir l’application
failed-try-again = Réessayer
failed-return = Revenir à { $app }
    .unnamed = Revenir à votre app
